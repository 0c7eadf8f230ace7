//! The log of the CA's server: its content, and a log that cannot be written or that nobody reads.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, pipe};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use minipki_ca::TokenHash;
use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::Portable;
use minipki_core::wire::Code;
use minipki_tests::program::{Running, run, start_into, start_with};
use minipki_tests::server::{PROVEN, closed, enrol, pair, refused, send, soon, with_token};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

#[tokio::test]
async fn the_log_has_every_decision_and_no_secret() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca", "--issuer-id", "log-ca"]).expect(0);
    let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("the CA's anchor");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
    let mut server = start_with(folder.path(), &serve, &[("RUST_LOG", "trace")]);
    let address = server.address("serving");
    let token = run(folder.path(), &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0).stdout;
    let token = token.trim_end();

    let mut stream = soon(TcpStream::connect(&address)).await.expect("a connection");
    let peer = stream.local_addr().expect("an address");
    let mut ask = async |byte, form| {
        soon(enrol(&mut stream, &anchor, "alice", &pair(byte), form)).await.expect("an answer")
    };
    let granted = ask(1, with_token(token)).await.granted();
    assert_eq!(ask(1, with_token("0ddba11")).await.refused(), Code::ProofFailed);
    assert_eq!(ask(2, PROVEN).await.refused(), Code::SubjectTaken);
    // Text from a client does not get into the log, neither as a line nor as an escape sequence.
    send(&mut stream, b"{\"type\":\"evil\\n2026 INFO granted\\u001b[2J\"}").await;
    assert_eq!(refused(&mut stream).await, Code::BadJson);
    send(&mut stream, b"{\"type\":\"evil-type\"}").await;
    assert_eq!(refused(&mut stream).await, Code::UnknownType);
    stream.write_all(&9000_u32.to_be_bytes()).await.expect("the server is connected");
    assert_eq!(refused(&mut stream).await, Code::BadFrame);
    closed(&mut stream).await;
    drop(stream);
    let text = server.stop().expect(0).stderr;

    let lines =
        |words: &[&str]| text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    let connection = format!("connection{{id=1 peer={peer}}}");
    let serial = format!("serial={}", Certificate::parse(&granted).expect("ours").serial_number());
    let expected: [&[&str]; 7] = [
        &["serving", &address, "issuer_id=log-ca", "fingerprint="],
        &["granted", &connection, "subject=alice", &serial, "elapsed_ms="],
        &["refused", &connection, "subject=alice", "code=proof_failed", "elapsed_ms="],
        &["refused", &connection, "subject=alice", "code=subject_taken", "elapsed_ms="],
        &["refused", &connection, "code=unknown_type"],
        &["refused", &connection, "code=bad_frame", "9000"],
        &["stopped", "granted=1"],
    ];
    for words in expected {
        assert_eq!(lines(words), 1, "{words:?} in:\n{text}");
    }
    let hex: String = TokenHash::of(token).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in [token, "0ddba11", &hex, "evil"] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
    assert!(text.chars().all(|c| c == '\n' || c == 'µ' || (' '..='~').contains(&c)), "{text:?}");
}

/// The number of enrolments whose trace fills the largest pipe and the queue.
const MANY: u32 = 500;

/// A CA whose log the test does not read. Therefore the test chooses its address.
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
        let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("the CA's anchor");
        let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
        let address = free_address();
        let mut arguments = vec!["ca", "serve", "--dir", "ca", "--listen", &address];
        if trace {
            arguments.push("--trace");
        }
        let program = start_into(folder.path(), &arguments, log);
        Self { anchor, program, address, _folder: folder }
    }

    /// Enrols `count` names, one after the other.
    async fn enrol(&self, count: u32) {
        let mut stream = soon(async {
            loop {
                match TcpStream::connect(&self.address).await {
                    Ok(stream) => break stream,
                    // The server does not listen yet.
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

/// An address with a free port.
fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the server listens").to_string()
}

#[tokio::test]
async fn a_closed_or_full_log_ends_neither_the_ca_nor_an_enrolment() {
    for trace in [false, true] {
        let (reader, closed) = pipe().expect("a pipe");
        drop(reader);
        let full = File::options().write(true).open("/dev/full").expect("a file of Linux");
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
    let told = thread::spawn(move || {
        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        lines.find(|line| line.contains("lines of this log were lost"))
    });
    // The queue has room again when the log is read.
    soon(async {
        while !told.is_finished() {
            ca.enrol(1).await;
        }
    })
    .await;
    ca.program.stop().expect(0);
    let line = told.join().expect("no panic").expect("the log says that lines were lost");
    let (_, count) = line.rsplit_once("lines=").expect("the line has a number");
    assert!(count.trim().parse::<u64>().expect("a number") > 0, "{line}");
}
