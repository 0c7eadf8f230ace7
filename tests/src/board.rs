//! A device on an emulated board, and the CA that serves for it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use minipki_core::cert::{Anchor, TbsCertificate, attach_signature};
use minipki_core::crypto::x25519;
use minipki_core::limits::CERTIFICATE;
use minipki_core::trust::{Serial, Validity};
use minipki_device_app::Exit;
use minipki_keys::{CaFolder, SignerKind};
use minipki_qemu::{Board, HOST, Wire, is_noise};
use tempfile::TempDir;

use crate::device_others::Claims;
use crate::peers::{key_pair, now, valid};
use crate::program::{Done, Running, run, start};
use minipki_fixtures::certificates::{encode, id};

/// What a device says, and what it is answered.
pub const READING: &str = "21.5 C";
/// See [`READING`].
pub const ANSWER: &str = "good morning";

/// Where a CA's folder lies in a scene's.
const CA: &str = "ca";
/// The same, of one whose certificates nobody here wants.
const OTHER_CA: &str = "other-ca";

/// The folder of a board's programs.
///
/// # Panics
/// If nobody has built them.
pub fn firmware() -> PathBuf {
    std::env::var_os("MINIPKI_FIRMWARE")
        .map(PathBuf::from)
        .expect("these tests need the firmware: `cargo xtask device --check` builds it and runs them")
}

/// A folder, a CA that serves in it, and boards.
pub struct Scene {
    /// The board that devices run on.
    pub board: Board,
    /// The port at which the CA serves.
    pub ca: u16,
    folder: TempDir,
    fingerprint: String,
    _serving: Running,
}

impl Scene {
    /// A CA as a user makes it.
    pub fn new(board: Board) -> Self {
        Self::with(board, "2048", &[])
    }

    /// A CA whose key has `bits`, and which serves as `options` say.
    pub fn with(board: Board, bits: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = run(folder.path(), &["ca", "init", "--dir", CA, "--bits", bits]).expect(0);
        let serve = ["ca", "serve", "--dir", CA, "--listen", "127.0.0.1:0"];
        let mut serving = start(folder.path(), &[serve.as_slice(), options].concat());
        let ca = port(&mut serving);
        Self { board, ca, folder, fingerprint: made.stdout.trim().to_owned(), _serving: serving }
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `minipki` in its folder, to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done {
        run(self.folder.path(), arguments)
    }

    /// Starts `minipki` in its folder.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Running {
        start(self.folder.path(), arguments)
    }

    /// Enrols a peer on the host.
    pub fn enrol(&self, subject: &str) {
        let ca = format!("127.0.0.1:{}", self.ca);
        let enrol = ["enroll", "--ca", &ca, "--subject", subject, "--fingerprint", &self.fingerprint];
        self.run(&[enrol.as_slice(), &["--out", subject]].concat()).expect(0);
    }

    /// bob, who is enrolled, answering whoever calls, and where.
    pub fn bob(&self) -> (Running, u16) {
        let talk = ["--listen", "127.0.0.1:0", "--send", ANSWER, "--expect", READING];
        let mut bob = self.start(&[["listen", "--identity", "bob"].as_slice(), &talk].concat());
        let port = port(&mut bob);
        (bob, port)
    }

    /// A new device that is to be `subject`; what it stores is kept under that name.
    pub fn device(&self, subject: &str) -> Device<'_> {
        let state = self.path(subject);
        std::fs::create_dir_all(&state).expect("a folder");
        let ca = format!("{HOST}:{}", self.ca);
        let words = ["--ca", &ca, "--fingerprint", &self.fingerprint, "--subject", subject];
        let words = words.map(str::to_owned).to_vec();
        let (on, program, board) = (self.board, "device", Vec::new());
        Device { scene: self, on, wire: Wire::Host, program, board, words }
            .word(&format!("state={}", state.display()))
    }

    /// Whether the device that is `subject` has stored a certificate.
    pub fn has_certificate(&self, subject: &str) -> bool {
        // It follows two keys.
        std::fs::read(self.path(subject).join("identity")).is_ok_and(|record| record[64] != 0)
    }

    /// The private key that it has stored.
    pub fn key(&self, subject: &str) -> Vec<u8> {
        std::fs::read(self.path(subject).join("identity")).expect("it has one")[..32].to_vec()
    }

    /// The CA, pinned.
    pub fn anchor(&self) -> Anchor {
        self.forger().anchor()
    }

    /// What makes certificates with the key of the scene's own CA.
    pub fn forger(&self) -> Forger {
        Forger(self.path(CA))
    }

    /// The same, of another CA with the same name.
    pub fn other_forger(&self) -> Forger {
        self.run(&["ca", "init", "--dir", OTHER_CA]).expect(0);
        Forger(self.path(OTHER_CA))
    }

    /// A peer of that name, which `forger` has certified for that time and which trusts the scene's CA.
    pub fn claims(&self, forger: &Forger, subject: &str, validity: Validity) -> Claims {
        let key = key_pair(subject.bytes().map(u64::from).sum());
        let certificate = forger.certificate(subject, key.public(), validity);
        Claims { key, certificate, anchor: self.anchor(), now: now(), wants: None }
    }

    /// An honest peer.
    pub fn honest(&self, subject: &str) -> Claims {
        self.claims(&self.forger(), subject, valid())
    }
}

/// A CA's key, in the hands of somebody who issues what no CA would.
#[derive(Clone)]
pub struct Forger(PathBuf);

impl Forger {
    fn folder(&self) -> CaFolder {
        CaFolder::open(&self.0).expect("a CA's folder")
    }

    /// What trusts this CA.
    pub fn anchor(&self) -> Anchor {
        self.folder().anchor().clone()
    }

    /// A certificate that says so.
    pub fn certificate(&self, subject: &str, key: &x25519::PublicKey, validity: Validity) -> Vec<u8> {
        let folder = self.folder();
        let mut signer = folder.signer(SignerKind::Aws).expect("its key");
        let issuer_key = signer.public_key().clone();
        let text = encode(&TbsCertificate {
            issuer_id: folder.issuer_id(),
            issuer_key: &issuer_key,
            serial_number: Serial::new(4_242).expect("in range"),
            subject_id: id(subject),
            subject_key: *key,
            validity,
        });
        let signatures = signer.sign_many(&[&text]).expect("a signature");
        let mut out = [0; CERTIFICATE];
        attach_signature(&text, signatures[0].as_bytes(), &mut out).expect("any certificate fits").to_vec()
    }
}

/// A device that is not switched on yet.
#[derive(Clone)]
pub struct Device<'s> {
    scene: &'s Scene,
    on: Board,
    wire: Wire<'s>,
    program: &'static str,
    board: Vec<String>,
    words: Vec<String>,
}

impl<'s> Device<'s> {
    /// Gives it another program of its board than the device's own.
    #[must_use]
    pub fn running(mut self, program: &'static str) -> Self {
        self.program = program;
        self
    }

    /// Tells the board a word.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.board.push(word.to_owned());
        self
    }

    /// Tells the application more words.
    #[must_use]
    pub fn told(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    /// Tells it to call the host's `port` and speak to `peer`.
    #[must_use]
    pub fn calling(self, port: u16, peer: &str) -> Self {
        let to = format!("{HOST}:{port}");
        self.told(&["--connect", &to, "--peer-subject", peer, "--send", READING])
    }

    /// Tells it to take a call through the host's `port` and speak to `peer`.
    #[must_use]
    pub fn listening(self, port: u16, peer: &str) -> Self {
        let talk = ["--listen", "0.0.0.0:9101", "--peer-subject", peer, "--send", READING];
        // A connection that opens no channel does not end the wait.
        self.wired(Wire::Listening(port)).told(&talk).told(&["--deadline", "4"])
    }

    /// Wires it.
    #[must_use]
    pub fn wired(mut self, wire: Wire<'s>) -> Self {
        self.wire = wire;
        self
    }

    /// Puts it on another board than the scene's.
    #[must_use]
    pub fn on(mut self, board: Board) -> Self {
        self.on = board;
        self
    }

    /// Switches it on.
    pub fn start(&self) -> Running {
        let words = [self.board.as_slice(), &self.words].concat();
        program(self.on, self.program, self.wire, &words, self.scene.folder.path())
    }

    /// Runs it to its end.
    pub fn run(&self) -> Ended {
        let start = Instant::now();
        ended(self.start(), start)
    }
}

/// Starts one of the board's programs.
pub fn program(board: Board, program: &str, wire: Wire<'_>, words: &[String], folder: &Path) -> Running {
    let mut command = board.command(&firmware().join(board.program(program)), wire, words);
    Running::new(command.current_dir(folder).stdin(Stdio::null()))
}

/// Waits for a program of a board that was started then.
pub fn ended(running: Running, started: Instant) -> Ended {
    let Done { code, stdout, stderr } = running.wait();
    // Semihosting's console is one of the two.
    let lines = [stdout, stderr].concat();
    let lines = lines.lines().filter(|line| !is_noise(line)).map(str::to_owned).collect();
    Ended { code, lines, took: started.elapsed() }
}

/// How a device's run ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code of the emulator.
    pub code: Option<i32>,
    /// What it reported.
    pub lines: Vec<String>,
    /// How long it took, the emulator's own start among it.
    pub took: Duration,
}

impl Ended {
    /// This run, if it ended for that reason and said so.
    #[track_caller]
    pub fn exits(self, exit: Exit) -> Self {
        assert_eq!(self.code, Some(exit.code().into()), "not {exit:?}: {self:#?}");
        assert_eq!(self.lines.last(), Some(&format!("exit {}: {exit}", exit.code())), "{self:#?}");
        self
    }

    /// This run, if the device, which listened, opened no channel for that reason, and nobody else came.
    #[track_caller]
    pub fn opens_none(self, reason: Exit) -> Self {
        let line = format!("no channel ({}): {reason}", reason.code());
        self.exits(Exit::PeerSilent).says(&line).meets_nobody()
    }

    /// This run, if a line of its report has `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.lines.iter().any(|line| line.contains(text)), "no {text:?}: {self:#?}");
        self
    }

    /// This run, if it believed no peer and told nobody anything.
    #[track_caller]
    pub fn meets_nobody(self) -> Self {
        let told = self.lines.iter().any(|line| line.starts_with("peer: ") || line.starts_with("sent: "));
        assert!(!told, "{self:#?}");
        self
    }

    /// This run, if it ended by a deadline of `seconds`; an emulator on a busy machine may be late.
    #[track_caller]
    pub fn within(self, seconds: u64) -> Self {
        let latest = Duration::from_secs(seconds) + Duration::from_secs(10);
        assert!(self.took < latest, "a deadline of {seconds} s: {self:#?}");
        self
    }
}

/// The port at which a program says that it listens.
fn port(running: &mut Running) -> u16 {
    let address = running.address("127.0.0.1:");
    address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}
