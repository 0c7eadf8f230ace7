//! Lent buffers: a writer whose failure sticks, and secrets that wipe themselves.

mod secret;
mod writer;

pub use secret::Secret;
pub use writer::{Full, Writer};
