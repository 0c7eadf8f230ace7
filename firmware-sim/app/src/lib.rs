//! The life of a device, over a small [`Board`] trait.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod board;

pub use board::{Board, Record, StorageError, Stream};

/// Most bytes of [`Record::Identity`]: private key, the CA's fingerprint and the certificate.
pub const IDENTITY: usize = 2 * minipki_core::limits::KEY + minipki_core::limits::CERTIFICATE;
