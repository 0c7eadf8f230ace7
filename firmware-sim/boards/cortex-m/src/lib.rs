//! A device on a Cortex-M3 under QEMU: all of it that is not the chip's own.
//!
//! From the metal up: [`chip`] is what a chip's crate brings, [`memory`] and [`failure`] end a run that
//! went wrong, [`semihosting`] is the way out of the emulator, [`ethernet`], [`round`], [`network`] and
//! [`stream`] are TCP, and [`board`] is all of it behind the application's `Board` trait. [`boot`] puts it together,
//! [`program`] is what the images run, and [`meter`] measures.
#![no_std]

pub mod arguments;
pub mod board;
pub mod boot;
pub mod chip;
pub mod clock;
pub mod entropy;
pub mod ethernet;
pub mod exit;
pub mod failure;
pub mod memory;
pub mod meter;
pub mod network;
pub mod program;
pub mod round;
pub mod semihosting;
pub mod storage;
pub mod stream;
