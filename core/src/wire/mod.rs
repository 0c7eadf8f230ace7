//! The messages that travel, and nothing else (protocol §1, §4, §5, §6).
//!
//! Each message decodes from the body of a frame, borrowing what it can, and
//! encodes into a lent buffer. What follows from a message is decided in
//! [`session`](crate::session).

pub mod channel;
pub mod enrolment;
mod error;
mod refusal;

pub use error::WireError;
pub use refusal::{Code, Refusal};
