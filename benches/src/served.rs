//! `minipki ca serve` as a process of its own, so that what it computes is told from what its clients do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use minipki_ca::ports::LedgerReader;
use minipki_core::cert::Anchor;
use minipki_core::crypto::rsa::KeySize;
use minipki_keys::CaFolder;
use minipki_ledger::{Owner, SqliteReader};
use minipki_os::clock;
use minipki_server::state;
use rustix::param::clock_ticks_per_second;
use tempfile::TempDir;

use crate::Cores;
use crate::fixture::Ca;

/// How long it may take to listen: only a broken one takes that long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A CA with a key of 2048 bits, open to both forms, with its log in a file. It ends when dropped.
pub struct Served {
    folder: CaFolder,
    process: Child,
    cores: Cores,
    address: String,
    /// How many certificates its clients have, and have verified.
    pub(crate) enrolled: Arc<AtomicU64>,
    /// Where all of it is; it goes away after the process.
    _place: TempDir,
}

impl Served {
    /// Starts one that may use `cores`, with its ledger somewhere under `place`.
    pub fn start(place: &Path, cores: Cores) -> Self {
        let place = tempfile::tempdir_in(place).expect("a folder");
        let issuer = Ca::new(KeySize::Bits2048).id().into();
        let made = state::create(&place.path().join("ca"), issuer, KeySize::Bits2048).expect("a new CA");
        let folder = made.folder;
        let log = place.path().join("log");
        let mut command = Command::new(&*PROGRAM);
        command
            // One source asks for everything here, and a disk in memory may be small.
            .args(["ca", "serve", "--open", "--source-limit", "0", "--min-free", "0"])
            .args(["--connections-per-source", "512", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder.path())
            .env_remove("RUST_LOG")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a new file"));
        // A process has the cores of the thread that starts it.
        let start = || {
            cores.confine();
            command.spawn().expect("the program starts")
        };
        let process = thread::scope(|scope| scope.spawn(start).join()).expect("it is started");
        let enrolled = Arc::default();
        let mut served = Self { folder, process, cores, address: String::new(), enrolled, _place: place };
        served.address = listening(&log);
        served
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// It, pinned.
    pub fn anchor(&self) -> &Anchor {
        self.folder.anchor()
    }

    /// The cores that it may use.
    pub fn cores(&self) -> &Cores {
        &self.cores
    }

    /// What it has computed in its life, in program and system: all its threads, the ended ones too.
    pub fn cpu(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.process.id());
        let line = fs::read_to_string(path).expect("it runs, on Linux");
        // Fields 14 and 15 of proc_pid_stat(5); the second, the name, is in parentheses.
        let fields = line.rsplit_once(") ").expect("a name").1.split(' ').skip(14 - 3).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
    }

    /// Panics unless its ledger has as many certificates as its clients: each one that was issued, and no other.
    pub fn check_ledger(&self) {
        let owner =
            Owner { issuer_id: self.folder.issuer_id().into(), fingerprint: self.folder.fingerprint() };
        let mut reader = SqliteReader::open(self.folder.path(), &owner).expect("the ledger is there");
        let counts = reader.counts(clock::now().expect("a clock")).expect("the ledger is whole");
        assert_eq!(counts.certificates, self.enrolled.load(Ordering::Relaxed));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address that the log says it listens on.
fn listening(log: &Path) -> String {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let text = fs::read_to_string(log).expect("a log");
        if let Some((address, _)) = text.split_once("address=").and_then(|(_, rest)| rest.split_once(' ')) {
            return address.to_owned();
        }
        assert!(Instant::now() < deadline, "it does not listen:\n{text}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The built program, in the profile of whoever runs it; it is brought up to date once.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let bench = std::env::current_exe().expect("a running bench has a file");
    // target/PROFILE/deps/BENCH.
    let profile = bench.ancestors().nth(2).expect("cargo puts benches there");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // As a part of the workspace, which the benches are too: what is built already serves.
    cargo
        .args(["build", "--quiet", "--workspace", "--bin", "minipki", "--target-dir"])
        .arg(profile.parent().expect("cargo puts profiles there"));
    cargo.args(profile.ends_with("release").then_some("--release"));
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.expect("cargo runs, as it ran this bench").success(), "the program does not build");
    profile.join("minipki")
});
