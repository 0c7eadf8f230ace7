//! The operating system: files and folders, the clock, the memory, and the limit of open descriptors (sockets and files).
//! Also the form in which programs keep and show errors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub mod clock;
mod failure;
pub mod files;
pub mod memory;
pub mod text;

/// Raises the soft limit of open descriptors to the hard limit. Returns the limit that holds now.
pub fn raise_descriptor_limit() -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // If this fails, the limit is unchanged.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    descriptor_limit()
}

/// The number of the user that runs this process.
pub fn user_id() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The number of descriptors that this process can have open at a time.
pub fn descriptor_limit() -> usize {
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
pub use failure::Failure;
