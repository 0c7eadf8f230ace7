//! What the images of every chip run; each chip's crate lends them the memory.

mod device;
mod fail;

pub use device::device;
pub use fail::fail;

use crate::arguments;

/// Where a program keeps its command line.
pub type Line = [u8; arguments::LENGTH];
