//! The next step of an error: the right command, complete, and advice that fits to the request.

use std::fs;

use minipki_tests::program::{folder_with_alice, run, run_with, start_at_terminal};
use serde_json::Value;

use super::cli::served;

#[test]
fn a_command_without_its_word_ca_is_shown_with_it() {
    let folder = folder_with_alice();
    let at = folder.path();
    // The typed words, and the tip.
    let tips: [(&str, &str); 23] = [
        ("serve", "minipki ca serve --dir <DIR>"),
        ("init", "minipki ca init --dir <DIR>"),
        ("list", "minipki ca list --dir <DIR>"),
        ("backup", "minipki ca backup --dir <DIR> --to <FILE>"),
        ("restore", "minipki ca restore --from <FILE> --dir <DIR>"),
        ("token", "minipki ca token --dir <DIR> --subject <NAME>"),
        ("tokens", "minipki ca token --dir <DIR> --subject <NAME>"),
        ("fingerprint", "minipki ca fingerprint --dir <DIR>"),
        ("rollover", "minipki ca rollover --dir <DIR>"),
        ("revocations", "minipki ca revocations --dir <DIR>"),
        ("unhold", "minipki ca unhold --dir <DIR> <--serial <N>|--subject <NAME>>"),
        ("import", "minipki ca import --key <FILE>"),
        ("check", "minipki ca check --dir <DIR>"),
        ("--provider portable serve", "minipki ca serve --dir <DIR>"),
        ("ca listen", "minipki listen --identity <DIR>"),
        ("ca demo", "minipki demo"),
        // The whole command is right but for this word.
        ("help serve", "minipki ca help serve"),
        ("serve --help", "minipki ca serve --help"),
        ("serve --dir ca", "minipki ca serve --dir ca"),
        (
            "revoke --dir ca --serial 5 --reason superseded",
            "minipki ca revoke --dir ca --serial 5 --reason superseded",
        ),
        ("passphrase --dir ca", "minipki ca passphrase --dir ca"),
        ("ca revoke --identity alice", "minipki revoke --identity alice"),
        ("ca status --identity alice", "minipki status --identity alice"),
    ];
    for (typed, tip) in tips {
        let typed: Vec<_> = typed.split(' ').collect();
        let refused = run(at, &typed).expect(2).stderr;
        assert!(refused.contains(&format!("tip: write {tip}")), "{typed:?}: {refused}");
        assert!(!refused.contains("similar"), "{typed:?}: {refused}");
        // The tip is a command, and a complete one.
        let line = refused.lines().find_map(|line| line.trim().strip_prefix("tip: write ")).expect("a tip");
        // The first of two choices.
        let line = line.replace("<--serial <N>|--subject <NAME>>", "--serial 7");
        let words = line.split(' ').map(|word| if word.starts_with('<') { "x" } else { word });
        if let Err(error) = minipki::cli::command().try_get_matches_from(words) {
            assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelp, "{line}: {error}");
        }
    }
    let spaced = run(at, &["serve", "--dir", "my 'ca"]).expect(2).stderr;
    assert!(spaced.contains("write minipki ca serve --dir 'my '\\''ca'"), "{spaced}");
    // A similar command of the same level goes first, and other words have no tip.
    let similar = run(at, &["conect"]).expect(2).stderr;
    assert!(similar.contains("'connect'") && !similar.contains("write"), "{similar}");
    let none = run(at, &["xyzzy"]).expect(2).stderr;
    assert!(!none.contains("tip:"), "{none}");
    // A token is not repeated.
    let token = "0123456789abcdef0123456789abcdef";
    let zeros = "00".repeat(32);
    let enroll = [
        "ca",
        "enroll",
        "--ca",
        "h",
        "--subject",
        "a",
        "--out",
        "a",
        "--fingerprint",
        &zeros,
        "--token",
        token,
    ];
    let refused = run(at, &enroll).expect(2).stderr;
    assert!(refused.contains("write minipki enroll --ca") && !refused.contains(token), "{refused}");
}

#[test]
fn json_that_a_command_does_not_have_is_a_usage_error() {
    let folder = folder_with_alice();
    for command in [
        &["demo"][..],
        &["console", "--dir", "ca"],
        &["completions", "bash"],
        &["listen", "--identity", "alice"],
        &["connect", "--identity", "alice", "--peer", "127.0.0.1:9"],
        &["ca", "serve", "--dir", "ca"],
        &["ca", "revocations", "--dir", "ca"],
    ] {
        let refused = run(folder.path(), &[command, &["--json"]].concat()).expect(2);
        assert!(refused.stderr.contains("unexpected argument '--json'"), "{refused:?}");
        assert!(refused.stderr.contains("tip: this command prints no JSON with --json"), "{refused:?}");
        assert!(refused.stdout.is_empty() && !refused.stderr.contains("as a value"), "{refused:?}");
    }
}

#[test]
fn the_advice_about_a_wrong_proof_names_a_token_only_if_there_was_one() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let wrong = "00".repeat(32);
    let enroll = ["enroll", "--ca", &ca, "--subject", "a", "--fingerprint", &wrong, "--out", "a"];
    let refused = run(at, &enroll).expect(3).stderr;
    let next = refused.lines().find(|line| line.contains("next: ")).expect("advice");
    assert!(next.contains("compare the fingerprint of the CA that you trust"), "{refused}");
    assert!(!next.contains("token") && refused.contains("proof_failed"), "{refused}");
    let token = "0123456789abcdef0123456789abcdef";
    let refused = run_with(at, &enroll, &[("MINIPKI_TOKEN", token)]).expect(3).stderr;
    let next = refused.lines().find(|line| line.contains("next: ")).expect("advice");
    assert!(next.contains("check that the token is for this subject"), "{refused}");
}

#[test]
fn a_person_is_asked_before_what_nobody_can_undo_and_a_script_is_not() {
    let folder = folder_with_alice();
    let at = folder.path();
    let fingerprint = || run(at, &["ca", "fingerprint", "--dir", "ca"]).expect(0).stdout;
    let before = fingerprint();
    let rollover = ["ca", "rollover", "--dir", "ca"];
    let revoke = ["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "superseded"];
    for command in [&rollover[..], &revoke] {
        let (mut running, mut terminal) = start_at_terminal(at, command);
        running.line("Nobody can undo this");
        terminal.types("no");
        let refused = running.wait().expect(130).stderr;
        assert!(refused.contains("nothing was changed"), "{refused}");
        let help = run(at, &[&command[..2], &["--help"]].concat()).expect(0).stdout;
        assert!(help.contains("A script is not asked, and needs no --yes"), "{help}");
    }
    assert_eq!(fingerprint(), before);
    // A script is not asked. At a terminal, --yes answers.
    run(at, &revoke).expect(0);
    let (running, _terminal) = start_at_terminal(at, &[&rollover[..], &["--yes"]].concat());
    running.wait().expect(0);
    let after = fingerprint();
    assert_ne!(after, before);
    run(at, &rollover).expect(0);
    assert_ne!(fingerprint(), after);
}

#[test]
fn the_json_of_a_fingerprint_has_its_words() {
    let folder = folder_with_alice();
    let at = folder.path();
    let json = run(at, &["ca", "fingerprint", "--dir", "ca", "--json"]).expect(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("one JSON value");
    let words = run(at, &["ca", "fingerprint", "--dir", "ca", "--words"]).expect(0).stdout;
    assert_eq!(json["fingerprint_words"], words.trim_end());
    assert_eq!(words.split_whitespace().count(), 32);
    // The output without an option is one value to paste.
    let plain = run(at, &["ca", "fingerprint", "--dir", "ca"]).expect(0).stdout;
    assert_eq!(json["fingerprint_sha256"], plain.trim_end());
    assert!(fs::read_to_string(at.join("ca/anchor.json")).expect("a file").contains(plain.trim_end()));
}
