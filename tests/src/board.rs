//! A device on an emulated board, and a CA that serves for it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use minipki_core::cert::{Anchor, TbsCertificate, TbsStatus, attach_signature};
use minipki_core::crypto::x25519;
use minipki_core::limits::{CERTIFICATE, STATUS};
use minipki_core::trust::{CertStatus, Serial, StatusRule, Validity};
use minipki_device_app::Exit;
use minipki_keys::{CaFolder, SignerKind};
use minipki_qemu::{Board, HOST, Wire, is_noise};
use tempfile::TempDir;

use crate::device_remotes::Claims;
use crate::peers::{key_pair, now, valid};
use crate::program::{Done, Running, run, start};
use minipki_fixtures::certificates::{encode, id};

/// The message that a device sends.
pub const READING: &str = "21.5 C";
/// The answer to [`READING`].
pub const ANSWER: &str = "good morning";

/// The name of the CA's folder.
const CA: &str = "ca";
/// The name of another CA's folder. The device does not trust this CA.
const OTHER_CA: &str = "other-ca";

/// The folder of a board's programs.
///
/// # Panics
/// If the programs are not built.
pub fn firmware() -> PathBuf {
    std::env::var_os("MINIPKI_FIRMWARE")
        .map(PathBuf::from)
        .expect("these tests need the firmware: `cargo xtask device --check` builds it and runs them")
}

/// A folder, a CA that serves in it, and a board.
pub struct Scenario {
    /// The board of the devices.
    pub board: Board,
    /// The port of the CA.
    pub ca: u16,
    folder: TempDir,
    fingerprint: String,
    /// The CA; `None` while its key is changed.
    serving: Option<Running>,
}

impl Scenario {
    /// A scenario with a CA of the default settings.
    pub fn new(board: Board) -> Self {
        Self::with(board, "2048", &[])
    }

    /// A scenario with a key of `bits` bits. The CA serves with `options`.
    pub fn with(board: Board, bits: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = run(folder.path(), &["ca", "init", "--dir", CA, "--bits", bits]).expect(0);
        let serve = ["ca", "serve", "--dir", CA, "--listen", "127.0.0.1:0"];
        let mut serving = start(folder.path(), &[serve.as_slice(), options].concat());
        let ca = port(&mut serving);
        Self { board, ca, folder, fingerprint: made.stdout.trim().to_owned(), serving: Some(serving) }
    }

    /// Changes the key of the CA, which serves again at the same port. Devices keep the fingerprint of the first key.
    pub fn change_key(&mut self) {
        let serving = self.serving.take().expect("the CA serves");
        serving.stop().expect(0);
        self.run(&["ca", "rollover", "--dir", CA]).expect(0);
        let mut serving =
            self.start(&["ca", "serve", "--dir", CA, "--listen", &format!("127.0.0.1:{}", self.ca)]);
        port(&mut serving);
        self.serving = Some(serving);
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `minipki` in the folder to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done {
        run(self.folder.path(), arguments)
    }

    /// Starts `minipki` in the folder.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Running {
        start(self.folder.path(), arguments)
    }

    /// Enrols a peer on the host.
    pub fn enrol(&self, subject: &str) {
        let ca = format!("127.0.0.1:{}", self.ca);
        let enrol = ["enroll", "--ca", &ca, "--subject", subject, "--fingerprint", &self.fingerprint];
        self.run(&[enrol.as_slice(), &["--out", subject]].concat()).expect(0);
    }

    /// Starts bob, an enrolled peer that listens, and returns bob and his port.
    pub fn bob(&self) -> (Running, u16) {
        let talk = ["--listen", "127.0.0.1:0", "--send", ANSWER, "--expect", READING];
        let mut bob = self.start(&[["listen", "--identity", "bob"].as_slice(), &talk].concat());
        let port = port(&mut bob);
        (bob, port)
    }

    /// A new device named `subject`. It stores its files in a folder of that name.
    pub fn device(&self, subject: &str) -> Device<'_> {
        let state = self.path(subject);
        std::fs::create_dir_all(&state).expect("a folder");
        let ca = format!("{HOST}:{}", self.ca);
        let arguments = ["--ca", &ca, "--fingerprint", &self.fingerprint, "--subject", subject];
        let arguments = arguments.map(str::to_owned).to_vec();
        let (on, program, settings) = (self.board, "device", Vec::new());
        Device { scenario: self, on, wire: Wire::Host, program, settings, arguments }
            .setting(&format!("state={}", state.display()))
    }

    /// Whether the device named `subject` has stored a certificate.
    pub fn has_certificate(&self, subject: &str) -> bool {
        // The certificate follows two keys of 32 bytes.
        std::fs::read(self.path(subject).join("identity")).is_ok_and(|record| record[64] != 0)
    }

    /// The private key that the device named `subject` has stored.
    pub fn key(&self, subject: &str) -> Vec<u8> {
        std::fs::read(self.path(subject).join("identity")).expect("a value")[..32].to_vec()
    }

    /// The anchor of the CA.
    pub fn anchor(&self) -> Anchor {
        self.forger().anchor()
    }

    /// A forger with the key of the scenario's CA.
    pub fn forger(&self) -> Forger {
        Forger(self.path(CA))
    }

    /// A forger with the key of another CA of the same name.
    pub fn other_forger(&self) -> Forger {
        self.run(&["ca", "init", "--dir", OTHER_CA]).expect(0);
        Forger(self.path(OTHER_CA))
    }

    /// The claims of a peer that `forger` certifies for this time. The peer trusts the scenario's CA.
    pub fn claims(&self, forger: &Forger, subject: &str, validity: Validity) -> Claims {
        let key = key_pair(subject.bytes().map(u64::from).sum());
        let certificate = forger.certificate(subject, key.public(), validity);
        Claims { key, certificate, anchor: self.anchor(), now: now(), peer: None, rule: StatusRule::Optional }
    }

    /// The claims of an honest peer.
    pub fn honest(&self, subject: &str) -> Claims {
        self.claims(&self.forger(), subject, valid())
    }
}

/// The serial number of each forged certificate.
const SERIAL: u64 = 4_242;

/// A holder of a CA's key that issues any certificate.
#[derive(Clone)]
pub struct Forger(PathBuf);

impl Forger {
    fn folder(&self) -> CaFolder {
        CaFolder::open(&self.0).expect("a CA's folder")
    }

    /// The anchor of this CA.
    pub fn anchor(&self) -> Anchor {
        self.folder().anchor().clone()
    }

    /// A status of the certificates that this forger makes.
    pub fn status(&self, number: u64, status: CertStatus) -> Vec<u8> {
        let folder = self.folder();
        let tbs = TbsStatus {
            issuer_id: folder.issuer_id(),
            issuer_key: folder.anchor().fingerprint(),
            serial_number: Serial::new(SERIAL).expect("in range"),
            status,
            number,
            this_update: now(),
            next_update: valid().not_after(),
            nonce: None,
        };
        let text = tbs.encode(&mut [0; STATUS]).expect("any status fits").to_vec();
        self.sign(&text)
    }

    /// The text with its signature.
    fn sign(&self, text: &[u8]) -> Vec<u8> {
        let mut signer = self.folder().signer(SignerKind::Aws).expect("the CA's key");
        let signed = signer.sign_many(minipki_ca::SignatureAlgorithm::RsaPss, &[text]);
        let signatures = signed.expect("a signature");
        let mut out = [0; CERTIFICATE];
        attach_signature(text, signatures[0].as_bytes(), &mut out).expect("any certificate fits").to_vec()
    }

    /// A certificate with these fields.
    pub fn certificate(&self, subject: &str, key: &x25519::PublicKey, validity: Validity) -> Vec<u8> {
        let folder = self.folder();
        let anchor = folder.anchor();
        let text = encode(&TbsCertificate {
            issuer_id: folder.issuer_id(),
            issuer_key: anchor.key().expect("a whole anchor"),
            serial_number: Serial::new(SERIAL).expect("in range"),
            subject_id: id(subject),
            subject_key: *key,
            validity,
        });
        self.sign(&text)
    }
}

/// A device that does not run yet.
#[derive(Clone)]
pub struct Device<'s> {
    scenario: &'s Scenario,
    on: Board,
    wire: Wire<'s>,
    program: &'static str,
    settings: Vec<String>,
    arguments: Vec<String>,
}

impl<'s> Device<'s> {
    /// Selects another program of the board.
    #[must_use]
    pub fn running(mut self, program: &'static str) -> Self {
        self.program = program;
        self
    }

    /// Adds a setting of the board, for example `clock=none`.
    #[must_use]
    pub fn setting(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// Adds arguments of the application.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Makes the device connect to the host's `port` and talk to `peer`.
    #[must_use]
    pub fn calling(self, port: u16, peer: &str) -> Self {
        let to = format!("{HOST}:{port}");
        self.with(&["--connect", &to, "--peer-subject", peer, "--send", READING])
    }

    /// Makes the device listen behind the host's `port` and talk to `peer`.
    #[must_use]
    pub fn listening(self, port: u16, peer: &str) -> Self {
        let talk = ["--listen", "0.0.0.0:9101", "--peer-subject", peer, "--send", READING];
        // A connection that opens no channel does not end the wait.
        self.wired(Wire::Listening(port)).with(&talk).with(&["--deadline", "4"])
    }

    /// Selects the network of the device.
    #[must_use]
    pub fn wired(mut self, wire: Wire<'s>) -> Self {
        self.wire = wire;
        self
    }

    /// Selects another board than the scenario's.
    #[must_use]
    pub fn on(mut self, board: Board) -> Self {
        self.on = board;
        self
    }

    /// Starts the device.
    pub fn start(&self) -> Running {
        let words = [self.settings.as_slice(), &self.arguments].concat();
        program(self.on, self.program, self.wire, &words, self.scenario.folder.path())
    }

    /// Runs the device to its end.
    pub fn run(&self) -> Ended {
        let start = Instant::now();
        ended(self.start(), start)
    }
}

/// Starts a program of the board. `words` are the board's settings and the program's arguments.
pub fn program(board: Board, program: &str, wire: Wire<'_>, words: &[String], folder: &Path) -> Running {
    let mut command = board.command(&firmware().join(board.program(program)), wire, words);
    Running::new(command.current_dir(folder).stdin(Stdio::null()))
}

/// Waits for the end of a program that was started at `started`.
pub fn ended(running: Running, started: Instant) -> Ended {
    let Done { code, stdout, stderr } = running.wait();
    // The console of semihosting is one of the two streams.
    let lines = [stdout, stderr].concat();
    let lines = lines.lines().filter(|line| !is_noise(line)).map(str::to_owned).collect();
    Ended { code, lines, took: started.elapsed() }
}

/// The result of a device's run.
#[derive(Debug)]
pub struct Ended {
    /// The exit code of the emulator.
    pub code: Option<i32>,
    /// The lines of its report.
    pub lines: Vec<String>,
    /// The time from the start of the emulator to its end.
    pub took: Duration,
}

impl Ended {
    /// Checks that the run ended for this reason and reported it.
    #[track_caller]
    pub fn exits(self, exit: Exit) -> Self {
        assert_eq!(self.code, Some(exit.code().into()), "not {exit:?}: {self:#?}");
        assert_eq!(self.lines.last(), Some(&format!("exit {}: {exit}", exit.code())), "{self:#?}");
        self
    }

    /// Checks that a listening device opened no channel for this reason, and that no other peer came.
    #[track_caller]
    pub fn opens_none(self, reason: Exit) -> Self {
        let line = format!("no channel ({}): {reason}", reason.code());
        self.exits(Exit::PeerSilent).says(&line).talks_to_no_peer()
    }

    /// Checks that a line of the report contains `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.lines.iter().any(|line| line.contains(text)), "no {text:?}: {self:#?}");
        self
    }

    /// Checks that the device accepted no peer and sent no message.
    #[track_caller]
    pub fn talks_to_no_peer(self) -> Self {
        let talked = self.lines.iter().any(|line| line.starts_with("peer: ") || line.starts_with("sent: "));
        assert!(!talked, "{self:#?}");
        self
    }

    /// Checks that the run ended by a deadline of `seconds`. An emulator on a busy machine gets 10 seconds more.
    #[track_caller]
    pub fn within(self, seconds: u64) -> Self {
        let latest = Duration::from_secs(seconds) + Duration::from_secs(10);
        assert!(self.took < latest, "a deadline of {seconds} s: {self:#?}");
        self
    }
}

/// The port in the next line of a program that names its address.
fn port(running: &mut Running) -> u16 {
    let address = running.address("127.0.0.1:");
    address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}
