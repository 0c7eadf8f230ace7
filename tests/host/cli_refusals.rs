//! Errors of the program: two lines of text and an exit code.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use minipki::cli::{CliError, Exit};
use minipki_os::Failure;
use minipki_tests::program::{Done, run, run_with, start};
use tempfile::TempDir;

use super::cli::{enrolled, served};

/// Checks the two lines of an error. They show nothing of a panic.
fn reports(done: &Done) {
    assert!(done.stderr.contains("error: ") && done.stderr.contains("next: "), "{done:?}");
    assert!(!done.stderr.contains("panicked") && !done.stderr.contains("backtrace"), "{done:?}");
}

#[test]
fn the_ca_refuses() {
    let (folder, _server, ca) = served(&["--require-token"]);
    let at = folder.path();
    let enroll =
        ["enroll", "--ca", &ca, "--subject", "alice", "--anchor", "ca/anchor.json", "--out", "alice"];
    let no_token = run(at, &enroll).expect(3);
    reports(&no_token);
    assert!(no_token.stderr.contains("token_invalid"), "{}", no_token.stderr);
    let classic = run(at, &[&enroll[..], &["--classic"]].concat()).expect(3);
    assert!(classic.stderr.contains("not_allowed"), "{}", classic.stderr);
    let wrong = "0123456789abcdef0123456789abcdef";
    let wrong = run_with(at, &enroll, &[("MINIPKI_TOKEN", wrong)]).expect(3);
    assert!(wrong.stderr.contains("proof_failed"), "{}", wrong.stderr);
    // The next try uses the same key and succeeds.
    let key = || fs::read(at.join("alice/key.pem")).expect("the file is kept");
    let before = key();
    let token = run(at, &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0).stdout;
    let granted = run_with(at, &enroll, &[("MINIPKI_TOKEN", token.trim_end())]).expect(0);
    assert!(granted.stderr.contains("continues with the key"), "{}", granted.stderr);
    assert_eq!(key(), before);
}

#[test]
fn an_open_ca_serves_the_classic_form_and_keeps_a_name_for_its_key() {
    let (folder, _server, ca) = served(&["--open"]);
    let at = folder.path();
    let enroll = ["enroll", "--ca", &ca, "--subject", "alice", "--anchor", "ca/anchor.json"];
    run(at, &[&enroll[..], &["--classic", "--out", "alice"]].concat()).expect(0);
    let taken = run(at, &[&enroll[..], &["--out", "other"]].concat()).expect(3);
    reports(&taken);
    assert!(taken.stderr.contains("subject_taken"), "{}", taken.stderr);
}

#[test]
fn another_ca_is_not_trusted() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let wrong = "00".repeat(32);
    let enroll = ["enroll", "--ca", &ca, "--subject", "alice", "--fingerprint", &wrong, "--out", "alice"];
    // The proof contains the fingerprint of the expected CA, so this CA cannot check it.
    reports(&run(at, &enroll).expect(3));
    enrolled(at, &ca, "alice");
    run(at, &["ca", "init", "--dir", "other"]).expect(0);
    reports(&run(at, &["verify", "--anchor", "other/anchor.json", "alice/certificate.json"]).expect(4));
}

#[test]
fn the_wrong_peer_is_refused_on_both_sides() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let mut listener = start(at, &["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once"]);
    let peer = listener.address("listening");
    let connect =
        ["connect", "--identity", "alice", "--peer", &peer, "--peer-subject", "carol", "--send", "psst"];
    reports(&run(at, &connect).expect(4));
    listener.line("certificate_refused");
    // No channel was opened, so the listener continues to wait.
    reports(&listener.stop().expect(0));
}

#[test]
fn an_unexpected_text_is_code_6() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once", "--send", "tea"];
    let mut listener = start(at, &listen);
    let peer = listener.address("listening");
    let other = run(at, &["connect", "--identity", "alice", "--peer", &peer, "--expect", "coffee"]).expect(6);
    reports(&other);
    assert!(other.stdout == "tea\n" && other.stderr.contains("coffee"), "{other:?}");
}

#[test]
fn an_unreachable_server_is_code_5() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    // The port was free a short time ago, and no program listens there.
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").to_string();
    let fingerprint = "00".repeat(32);
    let enroll = ["enroll", "--ca", &free, "--subject", "a", "--fingerprint", &fingerprint, "--out", "a"];
    reports(&run(at, &enroll).expect(5));
    assert!(!at.join("a/certificate.json").exists());
}

#[test]
fn missing_and_foreign_files_are_code_1() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    fs::write(at.join("picture"), [0x89, b'P', b'N', b'G', 0, 255]).expect("the file can be written");
    fs::write(at.join("long"), vec![b' '; 100_000]).expect("the file can be written");
    let failing: [&[&str]; 6] = [
        &["inspect", "nothing"],
        &["inspect", "picture"],
        &["inspect", "long"],
        &["ca", "list", "--dir", "nothing"],
        &["ca", "serve", "--dir", "nothing"],
        &["connect", "--identity", "nothing", "--peer", "127.0.0.1:9"],
    ];
    for arguments in failing {
        reports(&run(at, arguments).expect(1));
    }
}

#[test]
fn nothing_of_an_unknown_file_is_quoted() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    let secret = "0123456789abcdef0123456789abcdef";
    let wireguard = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
    let files = [
        ("token", format!("{secret}\n"), 1),
        ("wg.key", format!("{wireguard}\n"), 1),
        ("other.json", format!("{{\"password\":\"{secret}\"}}"), 1),
        ("typed.json", format!("{{\"type\":\"{secret}\"}}"), 1),
        ("pem", format!("-----BEGIN {secret}-----\n{wireguard}\n-----END {secret}-----\n"), 1),
        // This is long enough for the header of an archive.
        ("long", secret.repeat(40), 1),
        // These look like messages, but have another member.
        ("ok.json", format!("{{\"ok\":true,\"password\":\"{secret}\"}}"), 0),
        ("anchor.json", format!("{{\"fingerprint_sha256\":\"00\",\"password\":\"{secret}\"}}"), 4),
        ("certificate.json", format!("{{\"ca_signature_b64\":\"\",\"password\":\"{secret}\"}}"), 4),
    ];
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    let shows_no_secret = |done: Done| {
        let shown = [&done.stdout[..], &done.stderr].concat();
        assert!(!shown.contains(&secret[..8]) && !shown.contains(&wireguard[..8]), "{shown}");
    };
    for (name, content, code) in &files {
        fs::write(at.join(name), content).expect("the file can be written");
        for json in [&[][..], &["--json"]] {
            shows_no_secret(run(at, &[&["inspect", name][..], json].concat()).expect(*code));
            shows_no_secret(
                run(at, &[&["verify", "--anchor", "ca/anchor.json", name][..], json].concat()).expect(4),
            );
            shows_no_secret(
                run(at, &[&["verify", "--anchor", name, "ca/anchor.json"][..], json].concat()).expect(4),
            );
        }
        let enroll = ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out", "a", "--anchor", name];
        shows_no_secret(run(at, &enroll).expect(4));
        shows_no_secret(run(at, &["ca", "restore", "--from", name, "--dir", "restored"]).expect(1));
    }
    // An archive of another program.
    fs::write(at.join("backup.json"), format!("{{\"created\":\"{secret}\"}}"))
        .expect("the file can be written");
    let mut tar = Command::new("tar");
    tar.args(["--format=ustar", "-cf", "other.tar", "backup.json"]).current_dir(at);
    assert!(tar.status().expect("tar runs").success());
    shows_no_secret(run(at, &["ca", "restore", "--from", "other.tar", "--dir", "restored"]).expect(1));
    // A token in a wrong place.
    let enroll = ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out", "a"];
    for (wrong, text) in
        [(&["--fingerprint", secret][..], "--fingerprint"), (&[secret], "unexpected argument")]
    {
        let done = run(at, &[&enroll[..], wrong].concat()).expect(2);
        assert!(done.stderr.contains(text), "{}", done.stderr);
        shows_no_secret(done);
    }
}

#[test]
fn one_server_at_a_time_may_issue_from_a_folder() {
    let (folder, _server, _) = served(&[]);
    let second = run(folder.path(), &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]).expect(1);
    reports(&second);
}

/// The lines that are printed for `error`, without styles.
fn printed(error: Failure) -> String {
    let styled = CliError::from_diagnostic(Exit::Failed, error).to_string();
    anstream::adapter::strip_str(&styled).to_string()
}

#[test]
fn an_error_is_printed_whole_and_its_advice_on_a_line_of_its_own() {
    let seen = "a file; with a semicolon in its name: not there".to_owned();
    let error = Failure { seen, next: Some("make it; then try again".to_owned()) };
    assert_eq!(
        printed(error.clone()),
        "error: a file; with a semicolon in its name: not there\n next: make it; then try again"
    );
    assert_eq!(
        printed(Failure { next: None, ..error }),
        "error: a file; with a semicolon in its name: not there"
    );
}
