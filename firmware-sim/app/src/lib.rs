//! The life of a device, over a small [`Board`] trait.
//!
//! [`run`] is all of it: a [`Config`] says whom to trust, who to be and what to do; a [`Board`]
//! is the hardware; a [`Memory`] is lent to work in; an [`Exit`] says how it ended.
//!
//! ```text
//! key stored? --no--> make one -> store it --+
//!        | yes                               |
//! certificate stored, and valid? --no--------+--> enrol, proven -> verify -> store
//!        | yes                                                         |
//!        +----------------------------+--------------------------------+
//!                                     v
//!              connect, or listen -> handshake -> peer verified -> talk -> close
//! ```
//!
//! There is no way around a check: a channel opens only to a verified peer, and
//! whatever fails ends the run with a reason of its own.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod args;
mod board;
mod channel;
mod chat;
mod clock;
mod config;
mod enrol;
mod exit;
mod identity;
mod life;
mod memory;
mod talk;

pub use args::{USAGE, UsageError};
pub use board::{Board, Record, StorageError, Stream};
pub use clock::MADE;
pub use config::{Config, Errand, Text, TextError, Token};
pub use exit::Exit;
pub use life::run;
pub use memory::{IDENTITY, Memory};
