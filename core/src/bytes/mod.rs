//! Lent buffers: a writer whose failure sticks, secrets that wipe themselves, and the way to decide over them.

mod declassify;
mod secret;
mod writer;

pub use declassify::{Public, declassify};
pub use secret::Secret;
pub use writer::{Full, Writer};
