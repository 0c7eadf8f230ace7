//! An enrolment of a device that is cut or becomes silent at any byte. A second try succeeds with the same key.
//!
//! The CA is the real server, the board is the PC's, and the line between them is a relay on loopback.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use minipki_core::trust::StatusRule;
use minipki_device::{Folder, StdBoard, Storage, Timekeeping};
use minipki_device_app::{Config, Errand, Exit, Memory, Token, run};
use minipki_server::Limits;
use minipki_tests::ca::id;
use minipki_tests::loopback::{Cut, Line, Way};
use minipki_tests::server::{Setup, TestServer, now};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// The number of concurrent devices. Many of them wait on silent lines.
const DEVICES: usize = 24;
/// The deadline on a line that becomes silent.
const SHORT: Duration = Duration::from_millis(150);
/// The deadline on other lines.
const LONG: Duration = Duration::from_secs(20);

/// The maximum number of digits of a serial number. A shorter one makes the answer shorter.
const SERIAL: usize = 16;

/// A device that runs on a line with this cut, and then on a good line.
#[derive(Debug)]
struct Case {
    subject: IdBuf,
    token: Option<String>,
    cut: Cut,
}

struct Ca {
    port: u16,
    fingerprint: Fingerprint,
    /// The number of bytes that the first device received.
    answers: usize,
}

impl Ca {
    /// Runs a device on the relay `line`. Returns its exit and its report.
    fn enrol(&self, case: &Case, store: &Path, line: u16, deadline: Duration) -> (Exit, Vec<String>) {
        let config = Config {
            ca: SocketAddr::from((Ipv4Addr::LOCALHOST, line)),
            fingerprint: self.fingerprint,
            subject: case.subject.as_id(),
            token: case.token.as_deref().map(Token),
            errand: Errand::Enrol,
            peer: None,
            status: StatusRule::Optional,
            send: None,
            deadline,
        };
        let mut lines = Vec::new();
        let storage = Storage::Folder(Folder::open(store).expect("a folder of its own"));
        let mut board = StdBoard::new(Timekeeping::Clock, storage, |line| lines.push(line.to_string()));
        let exit = run(&config, &mut Memory::new(), &mut board);
        drop(board);
        (exit, lines)
    }

    fn test(&self, case: &Case, store: &Path) {
        let line = Line::new(self.port, Some(case.cut));
        let deadline = if case.cut.silent { SHORT } else { LONG };
        let (exit, lines) = self.enrol(case, store, line.port, deadline);
        let near_the_end = case.cut.way == Way::Back && case.cut.after + SERIAL > self.answers;
        let whole = exit == Exit::Done && near_the_end;
        assert!(whole || matches!(exit, Exit::CaCut | Exit::CaSilent), "{case:?}: {lines:?}");
        let before = key(store);
        let (exit, lines) = self.enrol(case, store, self.port, LONG);
        assert_eq!(exit, Exit::Done, "{case:?}: {lines:?}");
        assert!(key(store) == before, "{case:?}: another key");
    }
}

/// The private key in a device's record.
fn key(store: &Path) -> Vec<u8> {
    fs::read(store.join("identity")).expect("a record")[..32].to_vec()
}

/// A folder in memory if the system has one, because the test synchronises thousands of files.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// The cuts and whether they use a token: a cut after every byte, and a silent line around the borders of every frame.
fn cuts(line: &Line) -> Vec<(bool, Cut)> {
    let mut cuts = Vec::new();
    for way in [Way::Out, Way::Back] {
        let bytes = line.passed(way);
        let borders = borders(&bytes);
        // A cut after all sent bytes stops the answer. A cut after all received bytes would stop nothing.
        for after in 0..bytes.len() + usize::from(way == Way::Out) {
            let marked = borders.iter().any(|border| border.abs_diff(after) <= 1) || after % 97 == 0;
            cuts.push((false, Cut { way, after, silent: false }));
            if marked {
                cuts.push((true, Cut { way, after, silent: false }));
                cuts.extend([false, true].map(|token| (token, Cut { way, after, silent: true })));
            }
        }
    }
    cuts
}

/// The positions where each frame and its body begin, and the end of the last frame.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut borders) = (0, vec![0]);
    while let Some(length) = bytes[at..].first_chunk() {
        borders.extend([at + 4, at + 4 + u32::from_be_bytes(*length) as usize]);
        at = borders[borders.len() - 1];
    }
    borders
}

/// Tests all cases concurrently.
fn test_all(ca: &Ca, cases: &[Case], around: &Path) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..DEVICES {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    ca.test(case, &around.join(case.subject.as_id().as_str()));
                }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_that_ends_at_any_byte_is_repeated_with_the_same_key() {
    // All devices have the same address.
    let server = TestServer::start(Setup {
        limits: Limits { per_source: 512, ..Limits::default() },
        ..Setup::default()
    })
    .await;
    let mut ca = Ca { port: server.address.port(), fingerprint: server.anchor.fingerprint(), answers: 0 };
    let around = folder();
    let whole =
        Case { subject: id("device-0000"), token: None, cut: Cut { way: Way::Out, after: 0, silent: false } };
    let line = Line::new(ca.port, None);
    let (exit, lines) = ca.enrol(&whole, &around.path().join("whole"), line.port, LONG);
    assert_eq!(exit, Exit::Done, "{lines:?}");
    ca.answers = line.passed(Way::Back).len();

    let cases: Vec<Case> = (1..)
        .zip(cuts(&line))
        .map(|(number, (token, cut))| {
            // All names have the same length, so all messages have the length of the first run.
            let subject = id(&format!("device-{number:04}"));
            Case { subject, token: token.then(|| format!("token-{number}")), cut }
        })
        .collect();
    assert!(cases.len() > 1500 && cases.len() < 9999, "{} places", cases.len());
    let tokens = cases.iter().filter_map(|case| Some((case.token.as_deref()?, case.subject.as_id())));
    server.add_tokens(tokens, 600);

    let (count, folder): (_, PathBuf) = (cases.len() as u64, around.path().into());
    spawn_blocking(move || test_all(&ca, &cases, &folder)).await.expect("every device succeeds");
    let recorded = server.reader().counts(now()).expect("counted").certificates;
    assert_eq!(recorded, count + 1, "each device has one certificate");
}
