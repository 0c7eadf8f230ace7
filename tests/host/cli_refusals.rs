//! What goes wrong, told in two lines and by the exit code.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use minipki_tests::program::{Done, run, run_with, start};
use tempfile::TempDir;

use super::cli::{enrolled, served};

/// Two lines for a person, and nothing of the program's inside.
fn told(done: &Done) {
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
    told(&no_token);
    assert!(no_token.stderr.contains("token_invalid"), "{}", no_token.stderr);
    let classic = run(at, &[&enroll[..], &["--classic"]].concat()).expect(3);
    assert!(classic.stderr.contains("not_allowed"), "{}", classic.stderr);
    let wrong = "0123456789abcdef0123456789abcdef";
    let wrong = run_with(at, &enroll, &[("MINIPKI_TOKEN", wrong)]).expect(3);
    assert!(wrong.stderr.contains("proof_failed"), "{}", wrong.stderr);
    // The key is kept for the next try, which succeeds.
    let key = || fs::read(at.join("alice/key.pem")).expect("it is kept");
    let before = key();
    let token = run(at, &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0).stdout;
    let granted = run_with(at, &enroll, &[("MINIPKI_TOKEN", token.trim_end())]).expect(0);
    assert!(granted.stderr.contains("going on with the key"), "{}", granted.stderr);
    assert_eq!(key(), before);
}

#[test]
fn a_name_is_not_given_away_and_the_classic_form_is_served_when_open() {
    let (folder, _server, ca) = served(&["--open"]);
    let at = folder.path();
    let enroll = ["enroll", "--ca", &ca, "--subject", "alice", "--anchor", "ca/anchor.json"];
    run(at, &[&enroll[..], &["--classic", "--out", "alice"]].concat()).expect(0);
    let taken = run(at, &[&enroll[..], &["--out", "other"]].concat()).expect(3);
    told(&taken);
    assert!(taken.stderr.contains("subject_taken"), "{}", taken.stderr);
}

#[test]
fn another_ca_is_not_trusted() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let wrong = "00".repeat(32);
    let enroll = ["enroll", "--ca", &ca, "--subject", "alice", "--fingerprint", &wrong, "--out", "alice"];
    // The proof names the CA that is pinned, so this CA cannot even check it.
    told(&run(at, &enroll).expect(3));
    enrolled(at, &ca, "alice");
    run(at, &["ca", "init", "--dir", "other"]).expect(0);
    told(&run(at, &["verify", "--anchor", "other/anchor.json", "alice/certificate.json"]).expect(4));
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
    told(&run(at, &connect).expect(4));
    listener.line("certificate_refused");
    // No channel has opened, so it waits on.
    told(&listener.stop().expect(0));
}

#[test]
fn something_else_than_expected_is_code_6() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once", "--send", "tea"];
    let mut listener = start(at, &listen);
    let peer = listener.address("listening");
    let other = run(at, &["connect", "--identity", "alice", "--peer", &peer, "--expect", "coffee"]).expect(6);
    told(&other);
    assert!(other.stdout == "tea\n" && other.stderr.contains("coffee"), "{other:?}");
}

#[test]
fn nobody_there_is_code_5() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    // Bound and never accepted from: nobody else gets this port meanwhile, and dropped it refuses.
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").to_string();
    let fingerprint = "00".repeat(32);
    let enroll = ["enroll", "--ca", &free, "--subject", "a", "--fingerprint", &fingerprint, "--out", "a"];
    told(&run(at, &enroll).expect(5));
    assert!(!at.join("a/certificate.json").exists());
}

#[test]
fn files_that_are_not_there_or_not_ours_are_code_1() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    fs::write(at.join("picture"), [0x89, b'P', b'N', b'G', 0, 255]).expect("it can be written");
    fs::write(at.join("long"), vec![b' '; 100_000]).expect("it can be written");
    let failing: [&[&str]; 6] = [
        &["inspect", "nothing"],
        &["inspect", "picture"],
        &["inspect", "long"],
        &["ca", "list", "--dir", "nothing"],
        &["ca", "serve", "--dir", "nothing"],
        &["connect", "--identity", "nothing", "--peer", "127.0.0.1:9"],
    ];
    for arguments in failing {
        told(&run(at, arguments).expect(1));
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
        // Long enough for the header of an archive.
        ("long", secret.repeat(40), 1),
        // Like a message, and with more.
        ("ok.json", format!("{{\"ok\":true,\"password\":\"{secret}\"}}"), 0),
        ("anchor.json", format!("{{\"fingerprint_sha256\":\"00\",\"password\":\"{secret}\"}}"), 4),
        ("certificate.json", format!("{{\"ca_signature_b64\":\"\",\"password\":\"{secret}\"}}"), 4),
    ];
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    let silent = |done: Done| {
        let shown = [&done.stdout[..], &done.stderr].concat();
        assert!(!shown.contains(&secret[..8]) && !shown.contains(&wireguard[..8]), "{shown}");
    };
    for (name, content, code) in &files {
        fs::write(at.join(name), content).expect("it can be written");
        for json in [&[][..], &["--json"]] {
            silent(run(at, &[&["inspect", name][..], json].concat()).expect(*code));
            silent(run(at, &[&["verify", "--anchor", "ca/anchor.json", name][..], json].concat()).expect(4));
            silent(run(at, &[&["verify", "--anchor", name, "ca/anchor.json"][..], json].concat()).expect(4));
        }
        let enroll = ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out", "a", "--anchor", name];
        silent(run(at, &enroll).expect(4));
        silent(run(at, &["ca", "restore", "--from", name, "--dir", "restored"]).expect(1));
    }
    // An archive of somebody else.
    fs::write(at.join("backup.json"), format!("{{\"created\":\"{secret}\"}}")).expect("it can be written");
    let mut tar = Command::new("tar");
    tar.args(["--format=ustar", "-cf", "other.tar", "backup.json"]).current_dir(at);
    assert!(tar.status().expect("tar runs").success());
    silent(run(at, &["ca", "restore", "--from", "other.tar", "--dir", "restored"]).expect(1));
    // A token in a wrong place.
    let enroll = ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out", "a"];
    for (wrong, told) in
        [(&["--fingerprint", secret][..], "--fingerprint"), (&[secret], "unexpected argument")]
    {
        let done = run(at, &[&enroll[..], wrong].concat()).expect(2);
        assert!(done.stderr.contains(told), "{}", done.stderr);
        silent(done);
    }
}

#[test]
fn one_server_at_a_time_may_issue_from_a_folder() {
    let (folder, _server, _) = served(&[]);
    let second = run(folder.path(), &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]).expect(1);
    told(&second);
}
