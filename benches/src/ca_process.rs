//! `minipki ca serve` as a separate process, whose CPU time and cores are separate from those of the clients.

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
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;

use crate::fixture::Ca;

/// The time limit for the CA to listen. Only an error takes that long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A CA with a key of 2048 bits, which accepts both forms and logs to a file. The process ends when this value is dropped.
pub struct CaProcess {
    folder: CaFolder,
    process: Child,
    cores: Cores,
    address: String,
    /// The number of the certificates that clients have verified.
    pub(crate) enrolled: Arc<AtomicU64>,
    /// The folder of the CA and its log, removed after the end of the process.
    _place: TempDir,
}

impl CaProcess {
    /// Starts a CA that may use `cores`, with its ledger in a new folder under `place`.
    pub fn start(place: &Path, cores: Cores) -> Self {
        let place = tempfile::tempdir_in(place).expect("a folder");
        let issuer = Ca::new(KeySize::Bits2048).id().into();
        let made = state::create(&place.path().join("ca"), issuer, KeySize::Bits2048).expect("a new CA");
        let folder = made.folder;
        let log = place.path().join("log");
        let mut command = Command::new(&*PROGRAM);
        command
            // All requests come from one source, and a disk in memory may be small.
            .args(["ca", "serve", "--open", "--source-limit", "0", "--min-free", "0"])
            .args(["--connections-per-source", "512", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder.path())
            .env_remove("RUST_LOG")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a new file"));
        // A process inherits the cores of the thread that starts it.
        let start = || {
            cores.confine();
            command.spawn().expect("the program starts")
        };
        let process = thread::scope(|scope| scope.spawn(start).join()).expect("it is started");
        let enrolled = Arc::default();
        let mut started = Self { folder, process, cores, address: String::new(), enrolled, _place: place };
        started.address = listening(&log);
        started
    }

    /// The address of the CA.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The anchor of the CA, with its key.
    pub fn anchor(&self) -> &Anchor {
        self.folder.anchor()
    }

    /// The cores that the CA may use.
    pub fn cores(&self) -> &Cores {
        &self.cores
    }

    /// The user and system time of the process so far, with that of ended threads.
    pub fn cpu(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.process.id());
        let line = fs::read_to_string(path).expect("it runs, on Linux");
        // Fields 14 and 15 of proc_pid_stat(5). Field 2, the name, is in parentheses.
        let fields = line.rsplit_once(") ").expect("a name").1.split(' ').skip(14 - 3).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
    }

    /// Panics unless the ledger has as many certificates as the clients have verified.
    pub fn check_ledger(&self) {
        let owner =
            Owner { issuer_id: self.folder.issuer_id().into(), fingerprint: self.folder.fingerprint() };
        let mut reader = SqliteReader::open(self.folder.path(), &owner).expect("the ledger is there");
        let counts = reader.counts(clock::now().expect("a clock")).expect("the ledger is whole");
        assert_eq!(counts.certificates, self.enrolled.load(Ordering::Relaxed));
    }
}

impl Drop for CaProcess {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address of the CA, from its log.
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

/// The program, built once in the profile of the benchmark.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let bench = std::env::current_exe().expect("a running bench has a file");
    // target/PROFILE/deps/BENCH.
    let profile = bench.ancestors().nth(2).expect("cargo puts benches there");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With --workspace, the features are those of the benchmarks, and nothing is built twice.
    cargo
        .args(["build", "--quiet", "--workspace", "--bin", "minipki", "--target-dir"])
        .arg(profile.parent().expect("cargo puts profiles there"));
    cargo.args(profile.ends_with("release").then_some("--release"));
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.expect("cargo runs, as it ran this bench").success(), "the program does not build");
    profile.join("minipki")
});

/// Some cores, by the operating system's numbers. Two of them may be hardware threads of one physical core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cores(Vec<usize>);

impl Cores {
    /// The cores that the calling thread may use.
    pub fn allowed() -> Self {
        let set = sched_getaffinity(None).expect("the system knows its own thread");
        Self((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    /// The number of the cores, at least 1.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The first `count` cores.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        Self(self.0[..count].to_vec())
    }

    /// The cores that are not in `others`. `None` if all of them are.
    pub fn without(&self, others: &Self) -> Option<Self> {
        let rest: Vec<usize> = self.0.iter().copied().filter(|core| !others.0.contains(core)).collect();
        (!rest.is_empty()).then_some(Self(rest))
    }

    /// Confines the calling thread to these cores, and the threads and processes that it starts later.
    pub fn confine(&self) {
        let mut set = CpuSet::new();
        self.0.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).expect("the thread may use these cores");
    }
}
