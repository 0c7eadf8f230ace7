//! The Stellaris LM3S6965: a Cortex-M3 with 256 KB of flash, 64 KB of RAM and Ethernet, as QEMU has it.
//!
//! From the metal up: [`mac`] and [`clock`] are the chip, [`memory`] and [`failure`] end a run
//! that went wrong, [`semihosting`] is the way out of the emulator, [`ethernet`], [`network`] and
//! [`stream`] are TCP, and [`board`] is all of it behind the application's `Board` trait. [`boot`]
//! puts it together, and [`meter`] measures.
#![no_std]

pub mod arguments;
pub mod board;
pub mod boot;
pub mod clock;
pub mod entropy;
pub mod ethernet;
pub mod exit;
pub mod failure;
pub mod mac;
pub mod memory;
pub mod meter;
pub mod network;
pub mod semihosting;
pub mod storage;
pub mod stream;
