//! Terminals with a shell, in which a test types as a person does, in a network in which each port is free.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::program::path;
use crate::running::{Running, Terminal};

/// The number of looks, and the pause between them, until a command that was interrupted has ended.
const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// A network of its own, in which only the loopback interface is up.
pub struct Network(Running);

impl Network {
    /// Makes a network.
    ///
    /// # Panics
    /// If the system does not allow it.
    pub fn new() -> Self {
        // Every distribution has util-linux and iproute2. Any user is root of the new namespace.
        let mut unshare = Command::new("unshare");
        unshare.args([
            "--map-root-user",
            "--net",
            "sh",
            "-ec",
            "ip link set lo up; echo up; exec sleep 1000",
        ]);
        let mut running = Running::new(unshare.stdin(Stdio::null()));
        running.line("up");
        Self(running)
    }

    /// Opens a terminal with bash in `folder`. The program `minipki` is in its PATH.
    ///
    /// # Panics
    /// If bash cannot be started.
    pub fn shell(&self, folder: &Path) -> Shell {
        let own = path().parent().expect("the program is in a folder").to_owned();
        let others = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(own).chain(env::split_paths(&others));
        let mut bash = Command::new("nsenter");
        bash.arg("--target").arg(self.0.id().to_string());
        bash.args(["--user", "--net", "--preserve-credentials", "setsid", "--ctty", "--wait"]);
        bash.args(["bash", "--noprofile", "--norc", "--noediting", "-i"]).current_dir(folder);
        bash.env("PATH", env::join_paths(all).expect("a PATH")).env("PS1", "").env("HOME", folder);
        for variable in ["CLICOLOR_FORCE", "RUST_LOG", "MINIPKI_TOKEN", "CREDENTIALS_DIRECTORY"] {
            bash.env_remove(variable);
        }
        let (mut running, mut keys) = Running::at_terminal(&mut bash);
        keys.types("echo \"bash has the number $$\"");
        let line = running.line("bash has the number ");
        let process = line.rsplit(' ').next().map(str::trim).and_then(|number| number.parse().ok());
        Shell { running, keys, process: process.expect("a number"), commands: 0 }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// A terminal with bash.
pub struct Shell {
    running: Running,
    keys: Terminal,
    /// The process of bash.
    process: u32,
    commands: u32,
}

impl Shell {
    /// Types a line.
    ///
    /// # Panics
    /// If the terminal is closed.
    pub fn types(&mut self, line: &str) {
        self.keys.types(line);
    }

    /// Waits until a line of the output contains `text`.
    ///
    /// # Panics
    /// As [`Running::line`].
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> String {
        self.running.line(text)
    }

    /// Presses Ctrl-C, and waits until the command has ended.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn interrupts(&mut self) {
        self.keys.presses(3);
        // A command that has not ended would read the next line.
        let children = format!("/proc/{0}/task/{0}/children", self.process);
        let ended = || fs::read_to_string(&children).expect("bash runs").trim().is_empty();
        assert!(
            (0..TRIES).any(|_| ended() || {
                sleep(PAUSE);
                false
            }),
            "the command does not end"
        );
        self.code();
    }

    /// Waits until the last command has ended. Returns its exit code.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn code(&mut self) -> u32 {
        self.commands += 1;
        let end = format!("command {} ended with ", self.commands);
        self.keys.types(&format!("echo \"{end}$?\""));
        let line = self.running.line(&end);
        let (_, code) = line.rsplit_once(' ').expect("a number");
        code.trim().parse().expect("a number")
    }
}
