//! A device on a Cortex-M3 under QEMU: the part that is common to all chips.
//!
//! A chip's crate has a [`chip`]. [`memory`] and [`failure`] end a run with an error. [`semihosting`] calls the host.
//! [`ethernet`], [`round`], [`network`] and [`stream`] are TCP. [`board`] is all of this behind the application's
//! `Board` trait. [`boot`] joins the parts, [`program`] and [`x509`] have the programs of the images, and [`meter`]
//! measures.
#![no_std]

pub mod arguments;
pub mod board;
pub mod boot;
pub mod chip;
pub mod clock;
pub mod entropy;
pub mod ethernet;
pub mod failure;
pub mod memory;
pub mod meter;
pub mod network;
pub mod program;
pub mod round;
pub mod semihosting;
pub mod storage;
pub mod stream;
pub mod x509;
