//! The application of a device, over a small [`Board`] trait.
//!
//! [`run`] is the whole run of a device. A [`Config`] has the CA, the name and the task. A [`Board`] is the hardware.
//! The caller lends a [`Memory`]. An [`Exit`] is the result.
//!
//! ```text
//! key stored? --no--> make one -> store it ----------+
//!        | yes                                       |
//! certificate stored, and valid? --no----------------+--> enrol, proven -> verify -> store
//!        | yes                                                                         |
//! a third of its lifetime left? --no--> new key -> store it -> renew -> verify -> store |
//!        | yes                                            (or go on without)            |
//!        +----------------------------+------------------------------------------------+
//!                                     v
//!            status of the certificate from the CA -> store it
//!                                     |
//!            connect, or listen -> handshake -> peer verified -> messages -> close
//! ```
//!
//! A channel opens only to a verified peer. Each failure ends the run with its own [`Exit`].
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod anchor;
mod anchor_record;
mod args;
mod board;
mod ca;
mod channel;
mod clock;
mod config;
mod enrol;
mod exit;
mod identity;
mod life;
mod memory;
mod renewal;
mod status;
mod talk;

pub use args::{USAGE, UsageError};
pub use board::{Board, IDENTITY, Record, StorageError, Stream};
pub use clock::MADE;
pub use config::{Config, Errand, Text, TextError, Token};
pub use exit::Exit;
pub use life::run;
pub use memory::Memory;
