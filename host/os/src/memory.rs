//! The protection of this process's memory, which can hold private keys and passphrases.

use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Keeps the memory of this process out of core dumps. On Linux, other processes of the same user cannot read it either.
///
/// # Errors
/// The operating system's error.
pub fn forbid_core_dumps() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// Keeps all memory of this process out of the swap space, from now on. The process must be root, or have no limit of
/// locked memory (`LimitMEMLOCK=infinity` in systemd): with a limit, later allocations could fail.
///
/// # Errors
/// The operating system's error.
pub fn lock_memory() -> io::Result<()> {
    let unlimited = Rlimit { current: None, maximum: None };
    if getrlimit(Resource::Memlock) != unlimited {
        setrlimit(Resource::Memlock, unlimited)?;
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE;
    // Pages that are not used yet need no memory.
    #[cfg(target_os = "linux")]
    let flags = flags | MlockAllFlags::ONFAULT;
    Ok(mlockall(flags)?)
}
