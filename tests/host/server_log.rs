//! What the CA's server tells its log, and what it keeps to itself.

use std::fs;

use minipki_ca::TokenHash;
use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::Portable;
use minipki_core::wire::Code;
use minipki_tests::program::{run, start_with};
use minipki_tests::server::{PROVEN, closed, enrol, pair, refused, send, soon, with_token};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn the_log_says_who_got_what_and_why_not_and_no_secrets() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca", "--issuer-id", "log-ca"]).expect(0);
    let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("a CA folder has it");
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
    // Nothing that a stranger makes up reaches the log: no line of his own, no escape sequence.
    send(&mut stream, b"{\"type\":\"evil\\n2026 INFO granted\\u001b[2J\"}").await;
    assert_eq!(refused(&mut stream).await, Code::BadJson);
    send(&mut stream, b"{\"type\":\"evil-type\"}").await;
    assert_eq!(refused(&mut stream).await, Code::UnknownType);
    stream.write_all(&9000_u32.to_be_bytes()).await.expect("the server is there");
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
        &["granted", &connection, "subject=alice", &serial, "elapsed="],
        &["refused", &connection, "subject=alice", "code=proof_failed", "elapsed="],
        &["refused", &connection, "subject=alice", "code=subject_taken", "elapsed="],
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
