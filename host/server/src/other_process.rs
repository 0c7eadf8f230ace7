//! Another process that serves the CA in the same folder.

use std::fs;

use minipki_core::time::UnixTime;
use minipki_ledger::{LastStart, Lock, StoreError};
use minipki_os::clock;

use super::CaService;
use super::lifecycle::Serving;

/// Linux counts the start of a process in ticks of a hundredth of a second since its own start (proc_pid_stat(5)).
const TICKS: u64 = 100;

/// Another process that holds the lock of the CA's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherProcess {
    /// Its number, if its note in the folder can be read.
    pub process: Option<u32>,
    /// The time of its start, if the operating system tells it.
    pub since: Option<UnixTime>,
}

impl CaService {
    /// The other process that serves the CA, while this one does not.
    pub fn other_process(&self) -> Option<OtherProcess> {
        if !matches!(self.serving(), Serving::Stopped(_) | Serving::Failed(_)) {
            return None;
        }
        match Lock::acquire(self.dir()) {
            Err(StoreError::Locked(_)) => {
                let process = LastStart::read(self.dir()).ok().flatten().map(|last| last.process);
                // The start of this process may have been meanwhile.
                let process = process.filter(|process| *process != std::process::id());
                Some(OtherProcess { process, since: process.and_then(started) })
            }
            _ => None,
        }
    }
}

/// The time of the start of a process.
fn started(process: u32) -> Option<UnixTime> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may contain spaces. The start is the 20th field after it.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: u64 = uptime.split('.').next()?.parse().ok()?;
    let now = clock::now().ok()?.get();
    UnixTime::new(now.checked_sub(uptime)?.checked_add(ticks / TICKS)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_this_process_is_before_now() {
        let now = clock::now().expect("a clock");
        let started = started(std::process::id()).expect("a process");
        assert!(started.get() <= now.get() + 2);
        assert_eq!(super::started(u32::MAX), None);
    }
}
