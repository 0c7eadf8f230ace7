//! Another process holds the ledger: clients are told to try again, and the CA goes on.

use std::fs;

use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_core::wire::Code;
use minipki_tests::program::{run, start};
use minipki_tests::server::{PROVEN, enrol, pair, soon};
use tempfile::TempDir;
use tokio::net::TcpStream;

#[tokio::test]
async fn while_another_process_holds_the_ledger_clients_are_told_busy_and_the_ca_goes_on() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("a CA folder has it");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
    let mut server = start(folder.path(), &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let address = server.address("serving");
    let ask = async |name, byte| {
        let mut stream = soon(TcpStream::connect(&address)).await.expect("a connection");
        soon(enrol(&mut stream, &anchor, name, &pair(byte), PROVEN)).await.expect("an answer")
    };
    let alice = ask("alice", 1).await.granted();

    let other = rusqlite::Connection::open(folder.path().join("ca/ledger.sqlite")).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let token = start(folder.path(), &["ca", "token", "--dir", "ca", "--subject", "carol"]);
    for _ in 0..2 {
        assert_eq!(ask("bob", 2).await.refused(), Code::Busy);
    }
    // A certificate that was issued before only has to be read.
    assert_eq!(ask("alice", 1).await.granted(), alice);
    let refused = token.wait().expect(1).stderr;
    assert!(refused.contains("another process holds the ledger"), "{refused}");
    assert!(refused.contains("next: wait until it has finished, then try again"), "{refused}");
    other.execute_batch("ROLLBACK").expect("it was held");

    ask("bob", 2).await.granted();
    let log = server.stop().expect(0).stderr;
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("nothing can be issued for now"), 1, "{log}");
    assert_eq!(lines("certificates can be issued again refused=2"), 1, "{log}");
}
