//! The scenarios: a CA, a peer on the host, and one board or two.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use minipki_qemu::{Board, End, HOST, Wire};

use super::process::Process;
use crate::command::{cargo, execute};
use crate::embedded::firmware::Firmware;
use crate::tree;

/// The message of a device, and the answer of its peer.
pub(super) const READING: &str = "21.5 C";
pub(super) const ANSWER: &str = "good morning";

/// The participants and their exit codes.
pub(super) type Codes = Vec<(&'static str, i32)>;
/// A scenario, which returns the exit codes.
pub(super) type Scenario = fn(&Setup, &[Board]) -> Result<Codes, String>;

/// A running CA in a temporary folder, and the firmware.
pub(super) struct Setup<'f> {
    folder: PathBuf,
    minipki: PathBuf,
    firmware: &'f Firmware,
    show: bool,
    pub(super) fingerprint: String,
    pub(super) ca_port: u16,
    /// Serves until it is dropped.
    _ca: Process,
}

impl<'f> Setup<'f> {
    /// Builds the programs, makes and starts a CA, and enrols the host's peer, bob.
    pub(super) fn new(firmware: &'f Firmware, show: bool) -> Result<Self, String> {
        Self::with_key(firmware, "2048", show)
    }

    /// [`Setup::new`] with a CA key of `bits` bits.
    pub(super) fn with_key(firmware: &'f Firmware, bits: &str, show: bool) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        execute(&mut cargo(&["build", "--quiet", "--locked", "--workspace", "--bin", "minipki"]))?;
        let minipki = tree::root().join("target/debug/minipki");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("minipki-device-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        let program = |arguments: &[&str]| program_in(&minipki, &folder, arguments);
        let init = program(&["ca", "init", "--dir", "ca", "--bits", bits]);
        Process::start("ca", init, false)?.wait()?.expect(0, &[])?;
        let printed = Process::start("ca", program(&["ca", "fingerprint", "--dir", "ca"]), false)?.wait()?;
        let fingerprint = printed.expect(0, &[])?.output.concat().trim().to_owned();
        let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
        let mut ca = Process::start("ca", program(&serve), show)?;
        let ca_port = ca.wait_for_port()?;
        let address = format!("127.0.0.1:{ca_port}");
        let enrol =
            ["enroll", "--ca", &address, "--subject", "bob", "--fingerprint", &fingerprint, "--out", "bob"];
        Process::start("bob", program(&enrol), show)?.wait()?.expect(0, &[])?;
        Ok(Self { folder, minipki, firmware, show, fingerprint, ca_port, _ca: ca })
    }

    /// Starts the host's program in the folder.
    pub(super) fn host(&self, name: &'static str, arguments: &[&str]) -> Result<Process, String> {
        let mut command = program_in(&self.minipki, &self.folder, arguments);
        if self.show {
            command.arg("--trace");
        }
        Process::start(name, command, self.show)
    }

    /// Starts bob, who listens for one peer. Returns bob and the port.
    pub(super) fn listener(&self, peer: &str) -> Result<(Process, u16), String> {
        let arguments = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once"];
        let talk = ["--peer-subject", peer, "--send", ANSWER, "--expect", READING];
        let mut bob = self.host("bob", &[arguments.as_slice(), &talk].concat())?;
        let port = bob.wait_for_port()?;
        Ok((bob, port))
    }

    /// The arguments of a board: its storage, the CA and its own name. The storage is a folder of that name.
    pub(super) fn provision(&self, name: &str) -> Result<Vec<String>, String> {
        let state = self.state(name);
        std::fs::create_dir_all(&state).map_err(|e| format!("cannot make {}: {e}", state.display()))?;
        let ca = format!("{HOST}:{}", self.ca_port);
        let arguments = ["--ca", &ca, "--fingerprint", &self.fingerprint, "--subject", name];
        let board = format!("state={}", state.display());
        Ok(std::iter::once(board).chain(arguments.map(String::from)).collect())
    }

    /// The storage folder of the board of that name.
    pub(super) fn state(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts a board with `arguments`.
    pub(super) fn board(
        &self,
        name: &'static str,
        board: Board,
        wire: Wire<'_>,
        arguments: &[String],
    ) -> Result<Process, String> {
        let program = self.firmware.program(&board.program("device"));
        Process::start(name, board.command(&program, wire, arguments), self.show)
    }
}

impl Drop for Setup<'_> {
    fn drop(&mut self) {
        // The rest stays in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `arguments`, followed by `more`.
pub(super) fn extended(mut arguments: Vec<String>, more: &[&str]) -> Vec<String> {
    arguments.extend(more.iter().copied().map(String::from));
    arguments
}

/// The board enrols and connects to bob, and they exchange a message each.
pub(super) fn with_a_listener(setup: &Setup, boards: &[Board]) -> Result<Codes, String> {
    let board = *boards.first().ok_or("no board")?;
    let (bob, port) = setup.listener("sensor")?;
    let to = format!("{HOST}:{port}");
    let arguments =
        extended(setup.provision("sensor")?, &["--connect", &to, "--peer-subject", "bob", "--send", READING]);
    let device = setup.board("board", board, Wire::Host, &arguments)?.wait()?;
    Ok(vec![("the board", device.code), ("bob", bob.wait()?.code)])
}

/// Two boards enrol over the host's network. Restarted on a cable between them, they talk to each other.
pub(super) fn two_boards(setup: &Setup, boards: &[Board]) -> Result<Codes, String> {
    let [one, two] = *boards else { return Err("two boards are needed".into()) };
    let (first, second) = (setup.provision("first")?, setup.provision("second")?);
    for (name, board, arguments) in [("first", one, &first), ("second", two, &second)] {
        let ended = setup.board(name, board, Wire::Host, arguments)?.wait()?;
        if ended.code != 0 {
            return Ok(vec![(name, ended.code)]);
        }
    }
    let cable = setup.state("cable");
    let listens = ["--listen", "0.0.0.0:9101", "--peer-subject", "second", "--send", ANSWER];
    let connects = ["--connect", "10.0.9.1:9101", "--peer-subject", "first", "--send", READING];
    let first = on_the_cable("ip=10.0.9.1/24", first, &listens);
    let second = on_the_cable("ip=10.0.9.2/24", second, &connects);
    let mut first = setup.board("first", one, Wire::Cable(&cable, End::Near), &first)?;
    first.wait_for_line("listening at")?;
    let second = setup.board("second", two, Wire::Cable(&cable, End::Far), &second)?.wait()?;
    Ok(vec![("the first board", first.wait()?.code), ("the second board", second.code)])
}

/// The arguments with a fixed address: a cable has no DHCP server.
fn on_the_cable(address: &str, mut arguments: Vec<String>, more: &[&str]) -> Vec<String> {
    arguments.insert(0, address.to_owned());
    extended(arguments, more)
}

fn program_in(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    command
}
