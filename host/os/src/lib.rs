//! The operating system under the programs: files and folders, the clock, and open descriptors.

pub mod clock;
mod descriptors;
pub mod files;

pub use descriptors::{descriptor_limit, raise_descriptor_limit};
