//! A person at a terminal: the program's input is one, and the test types.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::program::{Running, command};

/// The keys of a terminal.
pub struct Terminal(File);

impl Terminal {
    /// Types a line.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn types(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).expect("the terminal is there");
    }

    /// Types Ctrl-D at the beginning of a line: the end of the input.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn ends(&mut self) {
        self.0.write_all(b"\x04").expect("the terminal is there");
    }
}

/// Starts the program in `folder`, with a terminal as its input.
///
/// # Panics
/// If it cannot be started, or the system has no terminals.
pub fn start_at_terminal<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> (Running, Terminal) {
    let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has terminals");
    grantpt(&keys).and_then(|()| unlockpt(&keys)).expect("it is ours");
    let name = ptsname(&keys, Vec::new()).expect("it has a name");
    let input = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it can be opened");
    (Running::new(command(folder, arguments).stdin(Stdio::from(input))), Terminal(keys.into()))
}
