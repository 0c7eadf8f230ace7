//! A log that cannot be written, or that nobody reads, neither ends the CA nor delays it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, pipe};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_tests::program::{Running, run, start_into};
use minipki_tests::server::{PROVEN, enrol, pair, soon};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Enough that a trace of them fills the largest pipe and the queue before it.
const MANY: u32 = 500;

/// A CA that serves with its log going somewhere, where its address cannot be read.
struct Served {
    anchor: Anchor,
    address: String,
    program: Running,
    _folder: TempDir,
}

impl Served {
    fn start(trace: bool, log: impl Into<Stdio>) -> Self {
        let folder = TempDir::new().expect("a folder");
        run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
        let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("a CA folder has it");
        let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
        let address = free_address();
        let mut arguments = vec!["ca", "serve", "--dir", "ca", "--listen", &address];
        if trace {
            arguments.push("--trace");
        }
        let program = start_into(folder.path(), &arguments, log);
        Self { anchor, program, address, _folder: folder }
    }

    /// Has `count` names certified, one after the other.
    async fn enrol(&self, count: u32) {
        let mut stream = soon(async {
            loop {
                match TcpStream::connect(&self.address).await {
                    Ok(stream) => break stream,
                    // It has not begun to listen.
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        })
        .await;
        for number in 0..count {
            let (name, key) = (format!("device-{number}"), pair((number % 250) as u8 + 1));
            let outcome = soon(enrol(&mut stream, &self.anchor, &name, &key, PROVEN)).await;
            outcome.expect("an answer").granted();
        }
    }
}

/// An address that nothing listens on.
fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it listens").to_string()
}

#[tokio::test]
async fn a_closed_or_full_log_ends_neither_the_ca_nor_an_enrolment() {
    for trace in [false, true] {
        let (reader, closed) = pipe().expect("a pipe");
        drop(reader);
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        for log in [Stdio::from(closed), Stdio::from(full)] {
            let ca = Served::start(trace, log);
            ca.enrol(20).await;
            ca.program.stop().expect(0);
        }
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_delays_neither_enrolments_nor_the_stop() {
    let (_unread, log) = pipe().expect("a pipe");
    let ca = Served::start(true, log);
    ca.enrol(MANY).await;
    ca.program.stop().expect(0);
}

#[tokio::test]
async fn lost_lines_are_counted_and_the_log_says_so_when_it_can() {
    let (reader, log) = pipe().expect("a pipe");
    let ca = Served::start(true, log);
    ca.enrol(MANY).await;
    let said = thread::spawn(move || {
        let lines = BufReader::new(reader).lines().map_while(Result::ok);
        lines.filter(|line| line.contains("lines of this log were lost")).last()
    });
    // The queue has room again as soon as it is read.
    ca.enrol(1).await;
    ca.program.stop().expect(0);
    let line = said.join().expect("no panic").expect("the log says that lines were lost");
    let (_, count) = line.rsplit_once("lines=").expect("it says how many");
    assert!(count.trim().parse::<u64>().expect("a number") > 0, "{line}");
}
