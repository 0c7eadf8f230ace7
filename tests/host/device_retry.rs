//! A device whose enrolment is cut off, or falls silent, at any byte: started again, it succeeds with the same key.
//!
//! The CA is the real server, the board is the PC's, and the line between them is a relay on the loopback.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use minipki_device::{Folder, StdBoard, Storage, Timekeeping};
use minipki_device_app::{Config, Errand, Exit, Memory, Token, run};
use minipki_server::Limits;
use minipki_tests::ca::id;
use minipki_tests::loopback::{Cut, Line, Way};
use minipki_tests::server::{Setup, TestServer, now};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// Devices that run at once: a silent line is waited for.
const DEVICES: usize = 24;
/// For a line that falls silent.
const SHORT: Duration = Duration::from_millis(150);
/// For a line that is good, or is cut.
const LONG: Duration = Duration::from_secs(20);

/// Most digits of a serial number. One with fewer makes an answer that is shorter than the first device's.
const SERIAL: usize = 16;

/// A device that is started on a line that ends there, and then on a good one.
#[derive(Debug)]
struct Case {
    subject: IdBuf,
    token: Option<String>,
    cut: Cut,
}

struct Ca {
    port: u16,
    fingerprint: Fingerprint,
    /// Bytes that it answered to the first device.
    answers: usize,
}

impl Ca {
    /// How a device ends that is started on this line.
    fn enrols(&self, case: &Case, store: &Path, line: u16, deadline: Duration) -> (Exit, Vec<String>) {
        let config = Config {
            ca: SocketAddr::from((Ipv4Addr::LOCALHOST, line)),
            fingerprint: self.fingerprint,
            subject: case.subject.as_id(),
            token: case.token.as_deref().map(Token),
            errand: Errand::Enrol,
            peer: None,
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

    fn play(&self, case: &Case, store: &Path) {
        let line = Line::new(self.port, Some(case.cut));
        let deadline = if case.cut.silent { SHORT } else { LONG };
        let (exit, lines) = self.enrols(case, store, line.port, deadline);
        let near_the_end = case.cut.way == Way::Back && case.cut.after + SERIAL > self.answers;
        let whole = exit == Exit::Done && near_the_end;
        assert!(whole || matches!(exit, Exit::CaCut | Exit::CaSilent), "{case:?}: {lines:?}");
        let before = key(store);
        let (exit, lines) = self.enrols(case, store, self.port, LONG);
        assert_eq!(exit, Exit::Done, "{case:?}: {lines:?}");
        assert!(key(store) == before, "{case:?}: another key");
    }
}

/// The private key in a device's record.
fn key(store: &Path) -> Vec<u8> {
    fs::read(store.join("identity")).expect("a record")[..32].to_vec()
}

/// A folder in memory where there is one: thousands of records are synchronised here.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// The lines: cut after every byte, and silent around every frame's borders, with a token at some of these places.
fn cuts(line: &Line) -> Vec<(bool, Cut)> {
    let mut cuts = Vec::new();
    for way in [Way::Out, Way::Back] {
        let bytes = line.passed(way);
        let borders = borders(&bytes);
        // When all has been sent, the answer is still to come; when all has come, nothing is cut.
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

/// Where each frame and its body begin, and where the last one ends.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut borders) = (0, vec![0]);
    while let Some(length) = bytes[at..].first_chunk() {
        borders.extend([at + 4, at + 4 + u32::from_be_bytes(*length) as usize]);
        at = borders[borders.len() - 1];
    }
    borders
}

/// Plays all of them, side by side.
fn play_all(ca: &Ca, cases: &[Case], around: &Path) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..DEVICES {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    ca.play(case, &around.join(case.subject.as_id().as_str()));
                }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_that_ends_at_any_byte_is_repeated_with_the_same_key() {
    // All the devices have one address.
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
    let (exit, lines) = ca.enrols(&whole, &around.path().join("whole"), line.port, LONG);
    assert_eq!(exit, Exit::Done, "{lines:?}");
    ca.answers = line.passed(Way::Back).len();

    let cases: Vec<Case> = (1..)
        .zip(cuts(&line))
        .map(|(number, (token, cut))| {
            // A name of the same length each time, so that the messages are as long as those that were measured.
            let subject = id(&format!("device-{number:04}"));
            Case { subject, token: token.then(|| format!("token-{number}")), cut }
        })
        .collect();
    assert!(cases.len() > 1500 && cases.len() < 9999, "{} places", cases.len());
    let tokens = cases.iter().filter_map(|case| Some((case.token.as_deref()?, case.subject.as_id())));
    server.add_tokens(tokens, 600);

    let (count, folder): (_, PathBuf) = (cases.len() as u64, around.path().into());
    spawn_blocking(move || play_all(&ca, &cases, &folder)).await.expect("every device succeeds");
    let recorded = server.reader().counts(now()).expect("counted").certificates;
    assert_eq!(recorded, count + 1, "each device has one certificate, however often it asked");
}
