//! The renewal of an identity with the built program: the folder, a running listener, and lost answers.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use minipki_client::{CaContact, ClientError, Identity, Renewal};
use minipki_provider::HostProvider;
use minipki_tests::peers::{identity, keep};
use minipki_tests::program::{run, start};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cli::{enrolled, served};
use crate::client_enrol::fake_ca;

fn renew(at: &Path, more: &[&str]) -> minipki_tests::program::Done {
    run(at, &[&["renew", "--identity", "alice"], more].concat())
}

fn read(at: &Path, file: &str) -> Vec<u8> {
    fs::read(at.join(file)).expect("the file exists")
}

/// The number of recorded certificates.
fn recorded(at: &Path) -> usize {
    let listed = run(at, &["ca", "list", "--dir", "ca", "--json"]).expect(0).stdout;
    serde_json::from_str::<Value>(&listed).expect("JSON").as_array().expect("an array").len()
}

#[test]
fn a_renewal_replaces_the_folder_and_keeps_the_former_identity() {
    let (folder, mut server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let (key, certificate) = (read(at, "alice/key.pem"), read(at, "alice/certificate.json"));
    let early = renew(at, &["--before", "30d"]).expect(8);
    assert!(early.stderr.contains("is not due"), "{}", early.stderr);
    let always = renew(at, &["--before", "82d"]).expect(2);
    assert!(always.stderr.contains("--before is too long for it"), "{}", always.stderr);
    let done = renew(at, &["--json"]).expect(0);
    server.line("form=Renewal");
    let object: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(object["subject_id"], "alice");
    assert_eq!(
        (read(at, "alice/previous/key.pem"), read(at, "alice/previous/certificate.json")),
        (key.clone(), certificate)
    );
    assert!(read(at, "alice/key.pem") != key && !at.join("alice/next").exists());
    let key = read(at, "alice/key.pem");
    renew(at, &["--reuse-key"]).expect(0);
    assert_eq!(read(at, "alice/key.pem"), key);
    // Both identities work, until the former one ends.
    run(at, &["status", "--identity", "alice"]).expect(0);
    let mut bob = start(at, &["listen", "--identity", "bob", "--listen", "127.0.0.1:0"]);
    let address = bob.address("listening");
    for identity in ["alice", "alice/previous"] {
        run(at, &["connect", "--identity", identity, "--peer", &address, "--send", "hello"]).expect(0);
    }
    bob.stop().expect(0);
}

#[test]
fn a_listener_takes_a_renewed_identity_without_a_restart() {
    let (folder, _server, ca) = served(&["--revoke-superseded"]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let mut bob = start(at, &["listen", "--identity", "bob", "--listen", "127.0.0.1:0"]);
    let address = bob.address("listening");
    run(at, &["renew", "--identity", "bob"]).expect(0);
    bob.line("the next peers get the renewed certificate");
    let serial =
        serde_json::from_slice::<Value>(&read(at, "bob/certificate.json")).expect("JSON")["serial_number"]
            .to_string();
    let connected =
        run(at, &["connect", "--identity", "alice", "--peer", &address, "--send", "hello"]).expect(0);
    assert!(connected.stderr.contains(&serial), "{}", connected.stderr);
    // The former certificate is superseded.
    let former = run(at, &["status", "--identity", "bob/previous", "--ca", &ca]).expect(4);
    assert!(former.stdout.contains("superseded"), "{}", former.stdout);
    bob.stop().expect(0);
}

#[test]
fn a_copy_of_the_folder_cannot_renew_too() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let copied = std::process::Command::new("cp").args(["-a", "alice", "copy"]).current_dir(at).status();
    assert!(copied.expect("cp runs").success());
    renew(at, &[]).expect(0);
    let refused = run(at, &["renew", "--identity", "copy"]).expect(3);
    assert!(refused.stderr.contains("the name belongs to another key now"), "{}", refused.stderr);
    // The copy is as it was, and can be used until its end.
    run(at, &["status", "--identity", "copy"]).expect(0);
}

#[test]
fn a_new_key_that_may_be_certified_already_is_used_again_in_spite_of_reuse_key() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    server.stop().expect(0);
    renew(at, &[]).expect(5);
    let new_key = read(at, "alice/next/key.pem");
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
    let mut server = start(at, &serve);
    let ca = server.address("serving");
    let done = renew(at, &["--reuse-key", "--ca", &ca]).expect(0);
    assert!(done.stderr.contains("the new key of an earlier try"), "{}", done.stderr);
    assert_eq!(read(at, "alice/key.pem"), new_key);
}

#[test]
fn a_change_of_the_passphrase_covers_the_next_and_the_previous_key() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    renew(at, &["--reuse-key"]).expect(0);
    server.stop().expect(0);
    renew(at, &[]).expect(5);
    fs::write(at.join("secret"), "a long passphrase\n").expect("a file");
    minipki_tests::ca::chmod(&at.join("secret"), 0o600);
    let change = |more: &[&str]| run(at, &[&["passphrase", "--identity", "alice"], more].concat()).expect(0);
    change(&["--new-passphrase-file", "secret"]);
    let encrypted = |file: &str| read(at, file).starts_with(b"-----BEGIN ENCRYPTED");
    for file in ["alice/key.pem", "alice/next/key.pem", "alice/previous/key.pem"] {
        assert!(encrypted(file), "{file}");
    }
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let ca = server.address("serving");
    renew(at, &["--passphrase-file", "secret", "--ca", &ca]).expect(0);
    assert!(encrypted("alice/key.pem") && encrypted("alice/previous/key.pem"));
    change(&["--passphrase-file", "secret", "--remove"]);
    // The removed passphrase does not come back.
    renew(at, &["--passphrase-file", "secret", "--ca", &ca]).expect(0);
    assert!(!encrypted("alice/key.pem"));
}

#[test]
fn an_earlier_certificate_is_no_answer_to_a_renewal() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let alice = identity("alice");
    keep(&at.join("alice"), &alice);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let begun = Renewal::begin(HostProvider::default(), &at.join("alice"), None, true).expect("begun");
    let error = runtime.block_on(async {
        let certificate = alice.certificate().to_vec();
        let contact = CaContact::new(fake_ca(move |_, _| certificate.clone()).await.to_string());
        begun.run(&contact).await.expect_err("the same certificate")
    });
    assert!(matches!(error, ClientError::Replayed { .. }), "{error}");
    assert_eq!(read(at, "alice/certificate.json"), alice.certificate());
}

/// A relay to the CA. Its first connection, about changes of the CA's key, is whole. The second one, the renewal, ends
/// after so many bytes of the client, or of the CA.
async fn relay(ca: SocketAddr, cut: [usize; 2]) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        for [from_client, from_ca] in [[EVERYTHING; 2], cut] {
            let (mut client, _) = socket.accept().await.expect("a client");
            let mut server = TcpStream::connect(ca).await.expect("the CA");
            let (mut client_in, mut client_out) = client.split();
            let (mut server_in, mut server_out) = server.split();
            let forth = async {
                let mut limited = (&mut client_in).take(from_client as u64);
                let _ = tokio::io::copy(&mut limited, &mut server_out).await;
            };
            let back = async {
                let mut limited = (&mut server_in).take(from_ca as u64);
                let _ = tokio::io::copy(&mut limited, &mut client_out).await;
                let _ = client_out.flush().await;
            };
            tokio::select! {
                () = forth => {}
                () = back => {}
            }
        }
    });
    address
}

/// More bytes than any exchange has.
const EVERYTHING: usize = 1 << 20;

#[test]
fn a_renewal_that_is_cut_anywhere_goes_on_with_the_same_key() {
    let (folder, _server, ca) = served(&["--key-limit", "0", "--name-limit", "0"]);
    let at = folder.path();
    let target = ca.parse().expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A renewal sends about 330 bytes and receives about 1,700.
    let cuts = (0..8).map(|n| [n * 47, EVERYTHING]).chain((0..24).map(|n| [EVERYTHING, n * 71]));
    let mut cut_off = 0;
    for (n, cut) in cuts.enumerate() {
        let name = format!("alice-{n}");
        enrolled(at, &ca, &name);
        let identity = at.join(&name);
        let before = read(at, &format!("{name}/certificate.json"));
        let begin = || Renewal::begin(HostProvider::default(), &identity, None, false).expect("begun");
        let first = begin();
        let failed = runtime.block_on(async { first.run(&CaContact::new(relay(target, cut).await)).await });
        if failed.is_ok() {
            continue;
        }
        cut_off += 1;
        assert_eq!(read(at, &format!("{name}/certificate.json")), before, "{cut:?}");
        let new_key = read(at, &format!("{name}/next/key.pem"));
        let second = begin();
        assert!(second.resumed(), "{cut:?}");
        runtime.block_on(second.run(&CaContact::new(&ca))).expect("renewed");
        assert_eq!(read(at, &format!("{name}/key.pem")), new_key, "{cut:?}");
        let listed = run(at, &["ca", "list", "--dir", "ca", "--subject", &name]).expect(0).stdout;
        assert_eq!(listed.lines().count(), 3, "the heading, and two certificates: {listed}");
    }
    assert!(cut_off >= 25, "only {cut_off} renewals were cut");
}

#[test]
fn a_renewal_that_stopped_between_two_files_is_an_identity_and_is_finished() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let (old_key, old_certificate) = (read(at, "alice/key.pem"), read(at, "alice/certificate.json"));
    renew(at, &[]).expect(0);
    let (new_key, new_certificate) = (read(at, "alice/key.pem"), read(at, "alice/certificate.json"));
    // The states on the disk after each step of the replacement.
    for (name, key, key_in_next) in [("before", &old_key, true), ("between", &new_key, false)] {
        let made = TempDir::new_in(at).expect("a folder");
        let path = made.path();
        fs::create_dir(path.join("next")).expect("a folder");
        let write = |file: &str, content: &[u8]| {
            fs::write(path.join(file), content).expect("a file");
            minipki_tests::ca::chmod(&path.join(file), 0o600);
        };
        write("key.pem", key);
        write("certificate.json", &old_certificate);
        write("anchor.json", &read(at, "alice/anchor.json"));
        write("ca.json", &read(at, "alice/ca.json"));
        write("next/certificate.json", &new_certificate);
        if key_in_next {
            write("next/key.pem", &new_key);
        }
        let expected = if key_in_next { &old_certificate } else { &new_certificate };
        let identity = Identity::load(HostProvider::default(), path).expect("an identity");
        assert_eq!(identity.certificate(), expected, "{name}");
        // The next renewal finishes this one first.
        drop(Renewal::begin(HostProvider::default(), path, None, false).expect("begun"));
        assert_eq!(fs::read(path.join("key.pem")).expect("a key"), new_key, "{name}");
        assert_eq!(fs::read(path.join("certificate.json")).expect("a file"), new_certificate, "{name}");
    }
    assert_eq!(recorded(at), 2);
}

#[test]
fn a_daemon_says_when_it_renews_and_ends_in_order() {
    let (folder, _server, ca) = served(&["--validity", "60s"]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let first = read(at, "alice/certificate.json");
    let daemon = ["renew", "--identity", "alice", "--before", "58s", "--daemon"];
    let mut daemon = start(at, &daemon);
    daemon.line("the renewal is due at");
    daemon.line("has a new certificate");
    assert_ne!(read(at, "alice/certificate.json"), first);
    daemon.line("the renewal is due at");
    daemon.stop().expect(0);
}
