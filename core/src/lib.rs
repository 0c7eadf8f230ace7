//! MiniPKI's core: everything that decides whether to trust, in fixed-size buffers.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod bytes;
pub mod cert;
pub mod crypto;
pub mod drive;
pub mod encoding;
pub mod keys;
pub mod limits;
pub mod link;
pub mod noise;
pub mod session;
pub mod time;
pub mod trust;
pub mod wire;

/// The example of README.md, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
