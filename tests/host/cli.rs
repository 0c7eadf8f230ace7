//! The commands of the program in normal use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use minipki_tests::program::{Running, run, run_unread, run_with, start, start_typing};
use serde_json::Value;
use tempfile::TempDir;

/// A new folder with a CA in `ca`, its server and the server's address.
pub(crate) fn served(options: &[&str]) -> (TempDir, Running, String) {
    let folder = TempDir::new().expect("a folder for the test");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let mut arguments = vec!["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
    arguments.extend(options);
    let mut server = start(folder.path(), &arguments);
    let address = server.address("serving");
    (folder, server, address)
}

/// Enrols an identity into a folder named after its subject.
pub(crate) fn enrolled(folder: &Path, ca: &str, subject: &str) {
    let anchor = ["--anchor", "ca/anchor.json"];
    let enroll = ["enroll", "--ca", ca, "--subject", subject, "--out", subject];
    run(folder, &[&enroll[..], &anchor].concat()).expect(0);
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).expect("the file exists").permissions().mode() & 0o777
}

#[test]
fn the_tour() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();

    let made = run(at, &["ca", "init", "--dir", "ca", "--issuer-id", "tour-ca"]).expect(0);
    let fingerprint = made.stdout.trim_end().to_owned();
    assert_eq!(fingerprint.len(), 64);
    assert!(made.stderr.contains("minipki ca serve --dir ca"), "the next command is named: {}", made.stderr);
    assert_eq!((mode(at.join("ca")), mode(at.join("ca/ca-key.pem"))), (0o700, 0o600));
    assert_eq!(run(at, &["ca", "fingerprint", "--dir", "ca"]).expect(0).stdout, made.stdout);

    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let ca = server.address("serving");
    let enroll = ["enroll", "--ca", &ca, "--subject"];
    run(at, &[&enroll[..], &["alice", "--fingerprint", &fingerprint, "--out", "alice"]].concat()).expect(0);
    let token = run(at, &["ca", "token", "--dir", "ca", "--subject", "bob", "--expires-in", "5m"]).expect(0);
    let bob = [&enroll[..], &["bob", "--anchor", "ca/anchor.json", "--out", "bob"]].concat();
    run_with(at, &bob, &[("MINIPKI_TOKEN", token.stdout.trim_end())]).expect(0);
    assert_eq!((mode(at.join("alice")), mode(at.join("alice/key.pem"))), (0o700, 0o600));

    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once"];
    let mut listener = start(at, &[&listen[..], &["--expect", "hello", "--send", "and you"]].concat());
    let peer = listener.address("listening");
    let connect = ["connect", "--identity", "alice", "--peer", &peer, "--peer-subject", "bob"];
    let connected = run(at, &[&connect[..], &["--send", "hello", "--expect", "and you"]].concat()).expect(0);
    assert_eq!(connected.stdout, "and you\n");
    let listened = listener.wait().expect(0);
    assert_eq!(listened.stdout, "hello\n");
    assert!(listened.stderr.contains("alice") && connected.stderr.contains("bob"));

    let listed = run(at, &["ca", "list", "--dir", "ca", "--json"]).expect(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("one JSON value");
    let subjects: Vec<_> =
        listed.as_array().expect("an array").iter().map(|one| &one["subject_id"]).collect();
    assert_eq!(subjects, ["alice", "bob"]);
    let only = run(at, &["ca", "list", "--dir", "ca", "--subject", "bob"]).expect(0);
    assert_eq!(only.stdout.lines().count(), 2, "a heading and bob: {}", only.stdout);

    let stopped = server.stop().expect(0);
    assert!(stopped.stderr.contains("stopped"), "{}", stopped.stderr);
}

#[test]
fn a_certificate_is_explained_and_verified() {
    let (folder, _server, ca) = served(&["--signer", "portable"]);
    let at = folder.path();
    enrolled(at, &ca, "alice");

    let verify = ["verify", "--anchor", "ca/anchor.json", "alice/certificate.json"];
    let valid = run(at, &verify).expect(0);
    assert!(valid.stdout.contains("alice") && valid.stderr.is_empty());
    let valid: Value = serde_json::from_str(&run(at, &[&verify[..], &["--json"]].concat()).expect(0).stdout)
        .expect("one JSON value");
    assert_eq!((&valid["valid"], &valid["subject_id"]), (&true.into(), &"alice".into()));

    for (time, word) in
        [("2525-01-01T00:00:00+00:00", "expired"), ("1999-01-01T00:00:00+00:00", "valid from")]
    {
        let refused = run(at, &[&verify[..], &["--at", time]].concat()).expect(4);
        assert!(refused.stderr.contains(word) && refused.stdout.is_empty(), "{refused:?}");
        assert!(refused.stderr.contains("without --at, the certificate is verified for now"), "{refused:?}");
    }

    let text = fs::read_to_string(at.join("alice/certificate.json")).expect("the file exists");
    fs::write(at.join("changed.json"), text.replace("alice", "alicf")).expect("the file can be written");
    let refused = run(at, &["verify", "--anchor", "ca/anchor.json", "changed.json", "--json"]).expect(4);
    let verdict: Value = serde_json::from_str(&refused.stdout).expect("one JSON value");
    assert_eq!(verdict["valid"], false);
    assert!(
        refused.stderr.contains("was changed: the trusted key has signed another text"),
        "{}",
        refused.stderr
    );
    run(at, &["ca", "init", "--dir", "other"]).expect(0);
    let other = run(at, &["verify", "--anchor", "other/anchor.json", "alice/certificate.json"]).expect(4);
    assert!(other.stderr.contains("another issuer key than the trusted one"), "{}", other.stderr);

    let explained = run(at, &["inspect", "alice/certificate.json"]).expect(0);
    for field in
        ["ca_signature_b64", "issuer_id", "serial_number", "subject_public_key_info", "not_after", "alice"]
    {
        assert!(explained.stdout.contains(field), "{field} in {}", explained.stdout);
    }
    let cut = &text[..text.len() - 2];
    fs::write(at.join("cut.json"), cut).expect("the file can be written");
    run(at, &["inspect", "cut.json"]).expect(1);
    fs::write(at.join("spaced.json"), text.replace(':', ": ")).expect("the file can be written");
    run(at, &["inspect", "spaced.json"]).expect(4);
}

#[test]
fn a_key_is_explained_and_never_shown() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    for (file, kind) in [
        ("alice/key.pem", "X25519 private key"),
        ("ca/ca-key.pem", "RSA private key"),
        ("ca/ca-public.pem", "RSA public key"),
    ] {
        let pem = fs::read_to_string(at.join(file)).expect("the file exists");
        for json in [&[][..], &["--json"]] {
            let shown = run(at, &[&["inspect", file][..], json].concat()).expect(0).stdout;
            assert!(shown.contains(kind), "{shown}");
            if kind.contains("private") {
                super::cli_trace::holds_nothing_of(&shown, &pem);
            }
        }
    }
    let anchor = run(at, &["inspect", "ca/anchor.json"]).expect(0);
    assert!(anchor.stdout.contains("fingerprint_sha256"));
}

#[test]
fn standard_output_has_only_data() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let enroll = [
        "enroll",
        "--ca",
        &ca,
        "--subject",
        "alice",
        "--anchor",
        "ca/anchor.json",
        "--out",
        "alice",
        "--json",
    ];
    let commands: [&[&str]; 7] = [
        &["ca", "init", "--dir", "other", "--json"],
        &["ca", "list", "--dir", "ca", "--json"],
        &["ca", "fingerprint", "--dir", "ca", "--json"],
        &["ca", "token", "--dir", "ca", "--subject", "alice", "--json"],
        &enroll,
        &["inspect", "alice/certificate.json", "--json"],
        &["verify", "--anchor", "ca/anchor.json", "alice/certificate.json", "--json"],
    ];
    for command in commands {
        let done = run(at, command).expect(0);
        let parsed: Result<Value, _> = serde_json::from_str(&done.stdout);
        assert!(parsed.is_ok(), "{command:?} printed {}", done.stdout);
    }
}

#[test]
fn nothing_is_overwritten() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let before = fs::read(at.join("alice/key.pem")).expect("the file exists");
    let again =
        run(at, &["enroll", "--ca", &ca, "--subject", "bob", "--anchor", "ca/anchor.json", "--out", "alice"])
            .expect(1);
    assert!(again.stderr.contains("alice"), "{}", again.stderr);
    let ca_again = run(at, &["ca", "init", "--dir", "ca"]).expect(1);
    assert!(ca_again.stderr.contains("next:"), "{}", ca_again.stderr);
    assert_eq!(fs::read(at.join("alice/key.pem")).expect("the file exists"), before);
}

#[test]
fn typed_lines_are_sent_and_received_lines_are_printed() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once"];
    let mut listener = start_typing(at, &listen, "I am bob\n");
    let peer = listener.address("listening");
    let typed = start_typing(at, &["connect", "--identity", "alice", "--peer", &peer], "hello\nbye\n");
    assert_eq!(typed.wait().expect(0).stdout, "I am bob\n");
    assert_eq!(listener.wait().expect(0).stdout, "hello\nbye\n");
}

#[test]
fn a_listener_serves_one_peer_after_another_and_names_each_until_it_is_stopped() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let mut listener = start(at, &["listen", "--identity", "bob", "--listen", "127.0.0.1:0"]);
    let peer = listener.address("listening");
    for text in ["one", "two"] {
        run(at, &["connect", "--identity", "alice", "--peer", &peer, "--send", text]).expect(0);
        listener.line(text);
    }
    assert_eq!(listener.stop().expect(0).stdout, "alice: one\nalice: two\n");
}

#[test]
fn the_log_can_be_json() {
    let (folder, server, ca) = served(&["--log-format", "json"]);
    enrolled(folder.path(), &ca, "alice");
    let log = server.stop().expect(0).stderr;
    for line in log.lines() {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "not JSON: {line}");
    }
    assert!(log.contains("granted") && log.contains("alice"), "{log}");
}

#[test]
fn closed_standard_output_is_no_error() {
    let folder = TempDir::new().expect("a folder for the test");
    assert_eq!(run_unread(folder.path(), &["completions", "bash"]), Some(0));
    assert_eq!(run_unread(folder.path(), &["ca", "init", "--dir", "ca", "--json"]), Some(0));
}
