//! A CA that serves, a host peer, and boards: what the plays are made of.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use minipki_qemu::{Board, End, HOST, Wire};

use super::process::Process;
use crate::embedded::firmware::Firmware;
use crate::steps::{cargo, execute};
use crate::tree;

/// What a device says, and what it is answered.
pub(super) const READING: &str = "21.5 C";
pub(super) const ANSWER: &str = "good morning";

/// What a play gives: who took part, and with which exit code.
pub(super) type Codes = Vec<(&'static str, i32)>;
/// Something to be seen.
pub(super) type Play = fn(&Scene, &[Board]) -> Result<Codes, String>;

/// A folder of its own, a CA that serves in it, and the firmware.
pub(super) struct Scene<'f> {
    folder: PathBuf,
    minipki: PathBuf,
    firmware: &'f Firmware,
    show: bool,
    pub(super) fingerprint: String,
    pub(super) ca_port: u16,
    /// Serves until the scene is over.
    _ca: Process,
}

impl<'f> Scene<'f> {
    /// Builds the programs, makes a CA and starts it, and enrols the host's peer, bob.
    pub(super) fn open(firmware: &'f Firmware, show: bool) -> Result<Self, String> {
        Self::with_key(firmware, "2048", show)
    }

    /// [`Scene::open`] with a CA whose key has `bits`.
    pub(super) fn with_key(firmware: &'f Firmware, bits: &str, show: bool) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        execute(&mut cargo(&["build", "--quiet", "--locked", "--workspace", "--bin", "minipki"]))?;
        let minipki = tree::root().join("target/debug/minipki");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("minipki-device-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        let program = |arguments: &[&str]| at(&minipki, &folder, arguments);
        let init = program(&["ca", "init", "--dir", "ca", "--bits", bits]);
        Process::start("ca", init, false)?.wait()?.expect(0, &[])?;
        let printed = Process::start("ca", program(&["ca", "fingerprint", "--dir", "ca"]), false)?.wait()?;
        let fingerprint = printed.expect(0, &[])?.heard.concat().trim().to_owned();
        let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
        let mut ca = Process::start("ca", program(&serve), show)?;
        let ca_port = ca.port()?;
        let address = format!("127.0.0.1:{ca_port}");
        let enrol =
            ["enroll", "--ca", &address, "--subject", "bob", "--fingerprint", &fingerprint, "--out", "bob"];
        Process::start("bob", program(&enrol), show)?.wait()?.expect(0, &[])?;
        Ok(Self { folder, minipki, firmware, show, fingerprint, ca_port, _ca: ca })
    }

    /// The host's program, running in the scene's folder.
    pub(super) fn host(&self, name: &'static str, arguments: &[&str]) -> Result<Process, String> {
        let mut command = at(&self.minipki, &self.folder, arguments);
        if self.show {
            command.arg("--trace");
        }
        Process::start(name, command, self.show)
    }

    /// bob, listening for one peer, and where.
    pub(super) fn listener(&self, peer: &str) -> Result<(Process, u16), String> {
        let arguments = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once"];
        let talk = ["--peer-subject", peer, "--send", ANSWER, "--expect", READING];
        let mut bob = self.host("bob", &[arguments.as_slice(), &talk].concat())?;
        let port = bob.port()?;
        Ok((bob, port))
    }

    /// What a board is told of itself and of the CA; its storage is a folder that bears its name.
    pub(super) fn provision(&self, name: &str) -> Result<Vec<String>, String> {
        let state = self.state(name);
        std::fs::create_dir_all(&state).map_err(|e| format!("cannot make {}: {e}", state.display()))?;
        let ca = format!("{HOST}:{}", self.ca_port);
        let words = ["--ca", &ca, "--fingerprint", &self.fingerprint, "--subject", name];
        let board = format!("state={}", state.display());
        Ok(std::iter::once(board).chain(words.map(String::from)).collect())
    }

    /// Where the board of that name keeps what outlives a restart.
    pub(super) fn state(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A board that is told `words`.
    pub(super) fn board(
        &self,
        name: &'static str,
        board: Board,
        wire: Wire<'_>,
        words: &[String],
    ) -> Result<Process, String> {
        let program = self.firmware.program(&board.program("device"));
        Process::start(name, board.command(&program, wire, words), self.show)
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        // What cannot be removed is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `words` and more of them.
pub(super) fn and(mut words: Vec<String>, more: &[&str]) -> Vec<String> {
    words.extend(more.iter().copied().map(String::from));
    words
}

/// The board enrols, connects to bob, and they talk.
pub(super) fn with_a_listener(scene: &Scene, boards: &[Board]) -> Result<Codes, String> {
    let board = *boards.first().ok_or("no board")?;
    let (bob, port) = scene.listener("sensor")?;
    let to = format!("{HOST}:{port}");
    let words =
        and(scene.provision("sensor")?, &["--connect", &to, "--peer-subject", "bob", "--send", READING]);
    let device = scene.board("board", board, Wire::Host, &words)?.wait()?;
    Ok(vec![("the board", device.code), ("bob", bob.wait()?.code)])
}

/// Two boards enrol over the host's network; restarted on a wire of their own, they talk to each other.
pub(super) fn two_boards(scene: &Scene, boards: &[Board]) -> Result<Codes, String> {
    let [one, two] = *boards else { return Err("two boards are needed".into()) };
    let (first, second) = (scene.provision("first")?, scene.provision("second")?);
    for (name, board, words) in [("first", one, &first), ("second", two, &second)] {
        let ended = scene.board(name, board, Wire::Host, words)?.wait()?;
        if ended.code != 0 {
            return Ok(vec![(name, ended.code)]);
        }
    }
    let cable = scene.state("cable");
    let listens = ["--listen", "0.0.0.0:9101", "--peer-subject", "second", "--send", ANSWER];
    let connects = ["--connect", "10.0.9.1:9101", "--peer-subject", "first", "--send", READING];
    let first = on_the_cable("ip=10.0.9.1/24", first, &listens);
    let second = on_the_cable("ip=10.0.9.2/24", second, &connects);
    let mut first = scene.board("first", one, Wire::Cable(&cable, End::Near), &first)?;
    first.line("listening at")?;
    let second = scene.board("second", two, Wire::Cable(&cable, End::Far), &second)?.wait()?;
    Ok(vec![("the first board", first.wait()?.code), ("the second board", second.code)])
}

/// Nobody hands out addresses on a cable.
fn on_the_cable(address: &str, mut words: Vec<String>, more: &[&str]) -> Vec<String> {
    words.insert(0, address.to_owned());
    and(words, more)
}

fn at(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    command
}
