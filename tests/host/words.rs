//! The errors of the program: each error names the problem and a next step. The step is right, harmless, quoted and complete.

use std::fs;
use std::path::Path;

use minipki_tests::ca::chmod;
use minipki_tests::program::{Done, folder_with_alice, run, run_by, run_in_sh, start, start_with};
use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;

use super::cli::{enrolled, served};
use super::passphrase::write;

/// The commands that take the folder of a CA, with `dir` in the place of the folder.
fn ca_commands<'d>(dir: &'d str, file: &'d str) -> Vec<Vec<&'d str>> {
    vec![
        vec!["ca", "serve", "--dir", dir, "--listen", "127.0.0.1:0"],
        vec!["ca", "list", "--dir", dir],
        vec!["ca", "fingerprint", "--dir", dir],
        vec!["ca", "token", "--dir", dir, "--subject", "a"],
        vec!["ca", "revoke", "--dir", dir, "--subject", "a", "--reason", "superseded"],
        vec!["ca", "revocations", "--dir", dir],
        vec!["ca", "backup", "--dir", dir, "--to", file],
        vec!["ca", "passphrase", "--dir", dir, "--remove"],
        vec!["ca", "rollover", "--dir", dir],
    ]
}

/// The commands that take the folder of an identity.
fn identity_commands(folder: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["listen", "--identity", folder, "--listen", "127.0.0.1:0"],
        vec!["connect", "--identity", folder, "--peer", "127.0.0.1:9"],
        vec!["renew", "--identity", folder],
        vec!["status", "--identity", folder],
        vec!["revoke", "--identity", folder],
        vec!["anchors", "--identity", folder],
        vec!["passphrase", "--identity", folder, "--remove"],
    ]
}

/// Checks that an error has both lines, and no bare text of the system or of the language.
#[track_caller]
fn plain(done: &Done) -> &str {
    let text = &done.stderr;
    assert!(text.contains("error: ") && text.contains("next: "), "{text}");
    for bare in
        ["os error", "No such file", "Permission denied", "SQLite", "Some(", "None", "Error {", "kind:"]
    {
        assert!(!text.contains(bare), "{bare}: {text}");
    }
    text
}

#[test]
fn a_folder_of_something_else_is_not_changed_and_no_advice_would_change_it() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    fs::create_dir(at.join("etc")).expect("a folder");
    // As /tmp: with a mode that a CA or an identity refuses.
    chmod(&at.join("etc"), 0o777);
    write(at, "etc/passwd", "root");
    let mut commands = ca_commands("etc", "backup.tar");
    commands.push(vec!["ca", "init", "--dir", "etc"]);
    commands.push(vec!["console", "--dir", "etc", "--listen", "127.0.0.1:0"]);
    let zeros = "00".repeat(32);
    let enroll = ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--fingerprint", &zeros, "--out", "etc"];
    commands.push(enroll.to_vec());
    // The address of the CA is missing before anything else.
    commands.extend(identity_commands("etc").into_iter().filter(|command| command[0] != "renew"));
    for command in commands {
        let refused = run(at, &command).expect(1);
        let text = plain(&refused);
        assert!(!text.contains("chmod") && !text.contains("restore") && !text.contains("remove"), "{text}");
    }
    assert_eq!(fs::read_dir(at.join("etc")).expect("a folder").count(), 1);
    assert!(!at.join("backup.tar").exists());
}

#[test]
fn a_lost_anchor_is_made_again_from_key_and_ledger() {
    let folder = folder_with_alice();
    let at = folder.path();
    let anchor = fs::read(at.join("ca/anchor.json")).expect("a file");
    for lose in [|path: &Path| fs::remove_file(path), |path: &Path| fs::write(path, "{}")] {
        lose(&at.join("ca/anchor.json")).expect("changed");
        for command in ca_commands("ca", "backup.tar") {
            let refused = run(at, &command).expect(1);
            let text = plain(&refused);
            assert!(text.contains("minipki ca init --dir ca") && !text.contains("remove"), "{text}");
        }
        // The advice is right.
        if at.join("ca/anchor.json").exists() {
            fs::rename(at.join("ca/anchor.json"), at.join("moved")).expect("moved");
        }
        run(at, &["ca", "init", "--dir", "ca"]).expect(0);
        assert_eq!(fs::read(at.join("ca/anchor.json")).expect("a file"), anchor);
    }
    let listed = run(at, &["ca", "list", "--dir", "ca"]).expect(0).stdout;
    assert!(listed.contains("alice"), "{listed}");
}

#[test]
fn a_path_that_is_not_there_is_said_not_to_be_there() {
    let folder = folder_with_alice();
    let at = folder.path();
    let zeros = "00".repeat(32);
    let mut commands = [ca_commands("nosuch", "b.tar"), identity_commands("nosuch")].concat();
    let enroll = ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out"];
    commands.extend([
        vec!["inspect", "nosuch"],
        vec!["inspect", "nosuch/certificate.json"],
        vec!["verify", "--anchor", "nosuch", "alice/certificate.json"],
        vec!["verify", "--anchor", "ca/anchor.json", "nosuch"],
        vec!["verify", "--anchor", "ca/anchor.json", "--status", "nosuch", "alice/certificate.json"],
        vec!["verify", "--anchor", "ca/anchor.json", "--revocations", "nosuch", "alice/certificate.json"],
        vec!["anchors", "--identity", "alice", "--from", "nosuch"],
        vec!["ca", "restore", "--from", "nosuch", "--dir", "new"],
        vec!["ca", "import", "--key", "nosuch", "--dir", "new"],
        vec!["ca", "init", "--dir", "nosuch/ca"],
        vec!["ca", "init", "--dir", "new", "--passphrase-file", "nosuch"],
        vec!["ca", "backup", "--dir", "ca", "--to", "nosuch/b.tar"],
        vec!["ca", "revocations", "--dir", "ca", "--out", "nosuch/list.json"],
        [&enroll[..], &["alice", "--anchor", "nosuch"]].concat(),
        [&enroll[..], &["new", "--fingerprint", &zeros, "--key", "nosuch"]].concat(),
        [&enroll[..], &["new", "--fingerprint", &zeros, "--token-file", "nosuch"]].concat(),
        [&enroll[..], &["nosuch/new", "--fingerprint", &zeros]].concat(),
        vec!["status", "--anchor", "nosuch", "--ca", "127.0.0.1:9", "--serial", "1"],
    ]);
    for command in commands {
        let refused = run(at, &command).expect(1);
        let text = plain(&refused);
        assert!(text.contains("nosuch") && text.contains("does not exist"), "{command:?}: {text}");
    }
    // A folder in the place of a file, and the reverse.
    let refused = run(at, &["verify", "--anchor", ".", "alice/certificate.json"]).expect(1);
    assert!(plain(&refused).contains(". is a folder, and a file is expected"), "{refused:?}");
    let refused = run(at, &["status", "--identity", "ca/anchor.json"]).expect(1);
    assert!(plain(&refused).contains("a folder is expected"), "{refused:?}");
}

#[test]
fn a_file_that_this_user_may_not_read_is_named() {
    let folder = folder_with_alice();
    let at = folder.path();
    chmod(at, 0o777);
    ["alice", "ca"].into_iter().for_each(|name| chmod(&at.join(name), 0));
    // Root may read everything.
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    for command in [
        &["inspect", "alice/certificate.json"][..],
        &["verify", "--anchor", "ca/anchor.json", "alice/certificate.json"],
        &["anchors", "--identity", "alice"],
        &["ca", "list", "--dir", "ca"],
    ] {
        let done =
            if geteuid().is_root() { run_by(&nobody, at, command) } else { run(at, command) }.expect(1);
        assert!(plain(&done).contains("this user has no access to"), "{done:?}");
    }
    ["alice", "ca"].into_iter().for_each(|name| chmod(&at.join(name), 0o700));
}

#[test]
fn an_expired_identity_is_told_about_its_clock_and_the_renewal() {
    let (folder, _server, ca) = served(&["--validity", "60s"]);
    let at = folder.path();
    let out =
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "alice", "--out", "my alice"];
    run(at, &out).expect(0);
    std::thread::sleep(std::time::Duration::from_secs(63));
    let commands = [
        vec!["listen", "--identity", "my alice", "--listen", "127.0.0.1:0"],
        vec!["connect", "--identity", "my alice", "--peer", "127.0.0.1:9"],
        out.to_vec(),
    ];
    for command in commands {
        let refused = run(at, &command).expect(4);
        let text = plain(&refused);
        assert!(text.contains("this machine's clock shows") && text.contains("check the clock"), "{text}");
        assert!(
            text.contains("minipki renew --identity 'my alice'") && !text.contains("belong together"),
            "{text}"
        );
    }
    // The advice is right.
    run(at, &["renew", "--identity", "my alice"]).expect(0);
    run(at, &out).expect(0);
}

#[test]
fn printed_commands_are_quoted_and_complete() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let shell = |printed: &str, word: &str| {
        let line = printed.lines().find(|line| line.trim_start().starts_with(word)).expect("a command");
        line.trim().trim_start_matches("minipki ").to_owned()
    };
    let made = run(at, &["ca", "init", "--dir", "my 'ca"]).expect(0).stderr;
    let enroll = shell(&made, "minipki enroll");
    assert!(!made.contains("0.0.0.0") && !enroll.contains(" F "), "{made}");
    let mut server = start(at, &["ca", "serve", "--dir", "my 'ca", "--listen", "127.0.0.1:0"]);
    let address = server.address("serving");
    // A shell reads the printed command as it was meant.
    let enroll = enroll.replace("127.0.0.1:9000", &address).replace("--out alice", "--out 'my alice'");
    let enrolled = run_in_sh(at, &format!("\"$0\" {enroll}"), &["--version"]).expect(0).stderr;
    for word in ["minipki listen", "minipki connect"] {
        let command = shell(&enrolled, word);
        assert!(command.contains("--identity 'my alice'"), "{command}");
    }
    server.stop().expect(0);
    let backup = run(at, &["ca", "backup", "--dir", "my 'ca", "--to", "a b.tar"]).expect(0).stderr;
    assert!(backup.contains("minipki ca restore --from 'a b.tar'"), "{backup}");
    let token =
        run(at, &["ca", "revoke", "--dir", "my 'ca", "--subject", "bob", "--reason", "superseded"]).expect(1);
    assert!(plain(&token).contains("minipki ca list --dir 'my '\\''ca' --subject bob"), "{token:?}");
}

/// The JSON objects of a log, one a line.
fn objects(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[test]
fn a_fatal_error_in_a_json_log_is_json_and_durations_are_numbers() {
    let (folder, mut server, ca) = served(&["--log-format", "json"]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    server.line("granted");
    // A second server on the same folder, a missing folder, and a used port.
    let listen = ["--listen", &ca];
    let failing: [(&[&str], i32); 4] = [
        (&["ca", "serve", "--dir", "ca", "--log-format", "json", "--listen", "127.0.0.1:0"], 1),
        (&["ca", "serve", "--dir", "nosuch", "--log-format", "json"], 1),
        (&[&["console", "--dir", "ca", "--log-format", "json"], &listen[..]].concat(), 5),
        (&["console", "--dir", "ca/anchor.json", "--log-format", "json"], 1),
    ];
    for (command, code) in failing {
        let failed = run(at, command).expect(code);
        let log = objects(&failed.stderr);
        let last = log.last().expect("a line");
        assert_eq!(last["level"], "ERROR", "{last}");
        assert_eq!(last["fields"]["exit_code"], code, "{last}");
        assert!(last["fields"]["message"].is_string() && last["fields"]["next"].is_string(), "{last}");
        assert!(last["timestamp"].as_str().is_some_and(|time| time.starts_with("20")), "{last}");
    }
    let log = server.stop().expect(0).stderr;
    let log = objects(&log);
    let granted = log.iter().find(|line| line["fields"]["message"] == "granted").expect("a line");
    assert!(granted["fields"]["elapsed_ms"].is_number(), "{granted}");
    for line in &log {
        let text = line["fields"].to_string();
        assert!(!text.contains("Some(") && !text.contains("Id(") && !text.contains("Duration"), "{text}");
    }
}

#[test]
fn an_empty_rust_log_is_none_and_a_wrong_one_is_told() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
    for (value, told) in [
        ("", false),
        (" ", false),
        ("info", false),
        ("INFO,minipki_server=debug", false),
        ("verbose", true),
        ("info,minipki=loud", true),
    ] {
        let mut server = start_with(at, &serve, &[("RUST_LOG", value)]);
        server.line("serving");
        let log = server.stop().expect(0).stderr;
        assert_eq!(log.contains("RUST_LOG"), told, "{value:?}: {log}");
    }
}

#[test]
fn the_folder_of_the_other_kind_is_said_plainly() {
    let folder = folder_with_alice();
    let at = folder.path();
    for command in identity_commands("ca") {
        let refused = run(at, &command).expect(1);
        assert!(
            plain(&refused).contains("ca is the folder of a CA, and not of an identity"),
            "{command:?}: {refused:?}"
        );
    }
    let enroll =
        ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--anchor", "ca/anchor.json", "--out", "ca"];
    let refused = run(at, &enroll).expect(1);
    assert!(plain(&refused).contains("ca is the folder of a CA"), "{refused:?}");
    for command in ca_commands("alice", "backup.tar") {
        let refused = run(at, &command).expect(1);
        let text = plain(&refused);
        assert!(text.contains("alice is the folder of an identity, and not of a CA"), "{command:?}: {text}");
    }
}

#[test]
fn an_enrolment_into_the_folder_of_a_revoked_identity_says_that_it_is_revoked() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let enroll = ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "alice", "--out"];
    let again = run(at, &[&enroll[..], &["alice"]].concat()).expect(0).stderr;
    assert!(again.contains("enrolled already"), "{again}");
    run(at, &["revoke", "--identity", "alice", "--reason", "key_compromise"]).expect(0);
    let refused = run(at, &[&enroll[..], &["alice"]].concat()).expect(4);
    let text = plain(&refused);
    assert!(text.contains("is revoked since") && text.contains("key_compromise"), "{text}");
    assert!(text.contains("another --out"), "{text}");
    // The advice is right.
    run(at, &[&enroll[..], &["alice-2"]].concat()).expect(0);
}

#[test]
fn a_hold_that_is_not_there_is_said_plainly() {
    let folder = folder_with_alice();
    let at = folder.path();
    for subject in ["alice", "nobody"] {
        let refused = run(at, &["ca", "unhold", "--dir", "ca", "--subject", subject]).expect(1);
        let text = plain(&refused);
        assert!(text.contains(&format!("no certificate of the subject {subject} is on hold")), "{text}");
    }
}
