//! The command `minipki demo`.

use std::fs;
use std::process::Command;

use base64ct::{Base64, Encoding};
use minipki_tests::program::{run, run_with, start_with};
use tempfile::TempDir;

#[test]
fn the_demo_shows_its_results_and_cleans_up() {
    let folder = TempDir::new().expect("a folder for the test");
    let temporary = folder.path().to_str().expect("a path in UTF-8");
    let done = run_with(folder.path(), &["demo"], &[("TMPDIR", temporary)]).expect(0);
    for claim in [
        "alice",
        "bob",
        "RSA-2048",
        "X25519",
        "serial",
        "handshake hash",
        "Summary",
        "the certificate was changed",
        "for another key",
        "ms",
    ] {
        assert!(done.stdout.contains(claim), "{claim:?} is not in:\n{}", done.stdout);
    }
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the file exists").collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn the_demo_can_be_traced() {
    let folder = TempDir::new().expect("a folder for the test");
    let done = run(folder.path(), &["demo", "--trace"]).expect(0);
    for message in [
        "enroll_request",
        "enroll_challenge",
        "enroll_proof",
        "granted",
        "handshake_1",
        "handshake_3",
        "encrypted message",
    ] {
        assert!(done.stdout.contains(message), "{message} is not in:\n{}", done.stdout);
    }
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
}

#[test]
fn the_demo_cleans_up_when_it_is_interrupted() {
    let folder = TempDir::new().expect("a folder for the test");
    let temporary = folder.path().to_str().expect("a path in UTF-8");
    let mut demo = start_with(folder.path(), &["demo"], &[("TMPDIR", temporary)]);
    demo.line("makes its RSA key");
    // The demo ends at once, or it ended before the signal.
    let done = demo.stop();
    assert!(matches!(done.code, Some(130 | 0)), "{done:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the file exists").collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// The line after the one that contains `text`, without spaces around it.
fn after<'t>(output: &'t str, text: &str) -> &'t str {
    let (_, rest) = output.split_once(text).expect(text);
    rest.lines().nth(1).expect("a line after it").trim()
}

#[test]
fn the_values_behind_a_proof_give_the_proof_also_with_openssl() {
    let folder = TempDir::new().expect("a folder for the test");
    let done = run(folder.path(), &["demo", "--trace-secrets"]).expect(0).stdout;
    let (h, f, k) = (after(&done, "   H  "), after(&done, "   F  "), after(&done, "   K  "));
    let proof = after(&done, "   P  ");
    assert!(done.contains(&format!("proof_b64            {proof}")), "message 3 has it:\n{done}");
    assert!(
        done.contains(&format!("must know before they enrol:\n   {f}\n")),
        "F is that of the CA:\n{done}"
    );
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
    };
    let message = folder.path().join("message");
    fs::write(&message, [b"MiniPKI/1 enrol", &bytes(h)[..], &bytes(f)].concat()).expect("a file");
    let mut openssl = Command::new("openssl");
    openssl
        .args(["dgst", "-sha256", "-binary", "-mac", "HMAC", "-macopt", &format!("hexkey:{k}")])
        .arg(message);
    let mac = openssl.output().expect("openssl runs").stdout;
    assert_eq!(Base64::decode_vec(proof).expect("base64"), mac);
    for line in done.lines() {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
    let plain = run(folder.path(), &["demo", "--trace"]).expect(0).stdout;
    assert!(!plain.contains("   K  "), "only --trace-secrets shows K:\n{plain}");
}

#[test]
fn no_other_command_shows_secrets() {
    let with: Vec<_> = minipki::cli::command()
        .get_subcommands()
        .filter(|command| shows_secrets(command))
        .map(|command| command.get_name().to_owned())
        .collect();
    assert_eq!(with, ["demo"]);
}

fn shows_secrets(command: &clap::Command) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some("trace-secrets"))
        || command.get_subcommands().any(shows_secrets)
}
