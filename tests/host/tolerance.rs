//! Values and files that people type, paste and edit: each usual form is accepted. A wrong form is named.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use minipki_ca::pgp_words;
use minipki_core::keys::Fingerprint;
use minipki_tests::program::{Done, folder_with_alice, run, run_in_network, run_with, start_typing};
use serde_json::Value;
use tempfile::TempDir;

use super::cli::{enrolled, served};
use super::passphrase::write;

/// The address of a port on which nothing listens: a command that gets so far has accepted all its arguments.
const NOBODY: &str = "127.0.0.1:9";

/// Runs the program with this input.
fn run_reading<S: AsRef<OsStr>>(at: &Path, arguments: &[S], input: &[u8]) -> Done {
    start_typing(at, arguments, input).wait()
}

fn enroll(at: &Path, fingerprint: &str, out: &str, more: &[&str]) -> Done {
    let options = ["enroll", "--ca", NOBODY, "--subject", "a", "--fingerprint", fingerprint, "--out", out];
    run(at, &[&options[..], more].concat())
}

#[test]
fn a_fingerprint_is_taken_in_each_usual_form() {
    let folder = folder_with_alice();
    let at = folder.path();
    let text = run(at, &["ca", "fingerprint", "--dir", "ca"]).expect(0).stdout.trim().to_owned();
    let fingerprint: Fingerprint = text.parse().expect("a fingerprint");
    let pairs: Vec<_> = fingerprint.0.iter().map(|byte| format!("{byte:02X}")).collect();
    let words = pgp_words::words(&fingerprint.0);
    let forms = [
        text.to_uppercase(),
        pairs.join(":"),
        pairs.join(" ").to_lowercase(),
        format!(" {text}\r\n"),
        format!("SHA256:{text}"),
        format!("sha256:{}", pairs.join(":")),
        format!("SHA256 Fingerprint={}", pairs.join(":")),
        words.join(" "),
        words.join("\n").to_uppercase(),
        format!("\u{feff}{text}"),
        format!("\u{feff}{}", words.join(" ")),
        format!("0x{text}"),
        run(at, &["ca", "fingerprint", "--dir", "ca", "--words"]).expect(0).stdout,
    ];
    for form in &forms {
        // All commands with a fingerprint read it alike.
        let list = run(at, &["ca", "revocations", "--dir", "ca", "--key", form]).expect(0);
        assert!(list.stdout.contains(&text), "{form}");
        enroll(at, form, "a", &[]).expect(5);
    }
    let wrong = [
        (text[1..].to_owned(), "63 hexadecimal digits, and a fingerprint has 64"),
        (format!("{text}{text}"), "128 hexadecimal digits"),
        (pairs[1..].join(":"), "62 hexadecimal digits"),
        ("SHA256:".to_owned(), "0 hexadecimal digits"),
        (words[..31].join(" "), "31 words, and a fingerprint has 32"),
        (words[1..].join(" "), "word 1 cannot be at this place"),
        (format!("{} nonsense", words[0]), "word 2 is not in the word list"),
        (format!("SHA256:{}", "z".repeat(43)), "character 8 is 'z'"),
        (
            format!("{}O{}", &text[..9], &text[10..]),
            "character 10 is 'O', and a fingerprint has only 64 digits",
        ),
        (format!("{}…", &text[..40]), "character 41 is '…'"),
        (format!("sha1:{}", pairs[12..].join(":")), "the digest of another hash"),
        (format!("MD5:{}", pairs[16..].join(":")), "a fingerprint is SHA-256, 64 digits"),
    ];
    for (form, seen) in wrong {
        let refused = enroll(at, &form, "b", &[]).expect(2).stderr;
        assert!(refused.contains(seen), "{form}: {refused}");
    }
    assert!(!at.join("b").exists());
    // The help shows the forms.
    let help = run(at, &["enroll", "--help"]).expect(0).stdout;
    assert!(
        help.contains("--fingerprint <HEX|WORDS>") && help.contains("64 hexadecimal digits, or 32"),
        "{help}"
    );
}

#[test]
fn a_token_comes_from_a_file_or_standard_input_with_blanks_around_it() {
    let (folder, _server, ca) = served(&["--require-token"]);
    let at = folder.path();
    let token = |subject| {
        run(at, &["ca", "token", "--dir", "ca", "--subject", subject]).expect(0).stdout.trim().to_owned()
    };
    let command = |subject: &'static str| {
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", subject, "--out", subject]
            .map(str::to_owned)
    };
    let with = |subject, more: &[&str]| {
        [command(subject).to_vec(), more.iter().map(|&word| word.to_owned()).collect()].concat()
    };
    fs::write(at.join("token"), format!("\u{feff} \t{}\r\n\r\n", token("file"))).expect("written");
    run(at, &with("file", &["--token-file", "token"])).expect(0);
    let input = format!("  {}\r\n", token("input"));
    run_reading(at, &with("input", &["--token-file", "-"]), input.as_bytes()).expect(0);
    let padded = format!(" {}\r\n", token("variable"));
    run_with(at, &command("variable"), &[("MINIPKI_TOKEN", &padded)]).expect(0);
    run(at, &with("option", &["--token", &format!("{}\n", token("option"))])).expect(0);
    // The file counts, also if the environment has an old token.
    fs::write(at.join("token"), token("both")).expect("written");
    run_with(at, &with("both", &["--token-file", "token"]), &[("MINIPKI_TOKEN", &"0".repeat(32))]).expect(0);
}

#[test]
fn a_text_that_cannot_be_a_token_is_named_before_the_ca_is_asked_and_never_shown() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let good = "0123456789abcdef0123456789abcdef";
    let wrong = [
        (format!("\"{good}\""), "quotation marks"),
        (format!("\u{201c}{good}\u{201d}"), "quotation marks"),
        (good.to_uppercase(), "upper-case letters"),
        (good[1..].to_owned(), "31 digits"),
        (format!("{good}{good}"), "64 digits"),
        (format!("{} {}", &good[..16], &good[16..]), "a blank or a line end inside"),
        (good.replace('0', "x"), "32 characters, and some are not digits"),
    ];
    let fingerprint = "00".repeat(32);
    let refuses = |done: Done, seen: &str| {
        let refused = done.expect(2).stderr;
        assert!(refused.contains(seen) && refused.contains("32 digits 0-9 and a-f"), "{seen}: {refused}");
        assert!(!refused.to_lowercase().contains(&good[2..9]), "{refused}");
        assert!(!at.join("a").exists(), "nothing is made");
    };
    for (token, seen) in wrong {
        fs::write(at.join("token"), &token).expect("written");
        refuses(enroll(at, &fingerprint, "a", &["--token-file", "token"]), seen);
        refuses(enroll(at, &fingerprint, "a", &["--token", &token]), seen);
        let options =
            ["enroll", "--ca", NOBODY, "--subject", "a", "--fingerprint", &fingerprint, "--out", "a"];
        refuses(run_with(at, &options, &[("MINIPKI_TOKEN", &token)]), seen);
        refuses(run_reading(at, &[&options[..], &["--token-file", "-"]].concat(), token.as_bytes()), seen);
    }
    write(at, "token", "\n");
    refuses(enroll(at, &fingerprint, "a", &["--token-file", "token"]), "it is empty");
    let missing = enroll(at, &fingerprint, "a", &["--token-file", "nothing"]).expect(1).stderr;
    assert!(missing.contains("nothing does not exist"), "{missing}");
}

#[test]
fn each_usual_form_of_an_address_is_taken() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    // Listening form, the address in the log, and the form with which a client finds it.
    let forms = [
        ("localhost:9000", "127.0.0.1:9000", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1:9000", "localhost"),
        (":9000", "0.0.0.0:9000", ":9000"),
        ("*:9000", "0.0.0.0:9000", "9000"),
        ("9000", "127.0.0.1:9000", "localhost:9000"),
        ("::1:9000", "[::1]:9000", "::1"),
        ("[::1]", "[::1]:9000", "[::1]"),
        ("[::1]:9000", "[::1]:9000", "::1:9000"),
        ("[fe80::1%lo]:9000", "[fe80::1%1]:9000", "[fe80::1%lo]:9000"),
    ];
    let mut script = "ip addr add fe80::1/64 dev lo nodad\n".to_owned();
    for (number, (listen, shown, ca)) in forms.iter().enumerate() {
        script.push_str(&format!(
            "rm -f log; \"$0\" ca serve --dir ca --listen '{listen}' 2>log & \n\
             for i in $(seq 200); do grep -q serving log 2>/dev/null && break; sleep 0.05; done\n\
             grep -qF 'address={shown} ' log || {{ cat log >&2; exit 1; }}\n\
             \"$0\" enroll --ca '{ca}' --anchor ca/anchor.json --subject s{number} --out s{number}\n\
             kill $!; wait $! || true\n"
        ));
    }
    // `listen` and `connect` have their own port.
    script.push_str(
        "rm -f log; \"$0\" listen --identity s0 --listen localhost --once --expect hello 2>log &\n\
         for i in $(seq 200); do grep -q listening log 2>/dev/null && break; sleep 0.05; done\n\
         grep -qF 127.0.0.1:9101 log\n\
         \"$0\" connect --identity s1 --peer localhost --send hello\n\
         wait $!\n",
    );
    run_in_network(at, &script).expect(0);
}

#[test]
fn a_wrong_address_is_a_usage_error_that_shows_the_form() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let wrong = [
        ("http://127.0.0.1:9000/", "write 127.0.0.1:9000"),
        ("https://ca.example", "write ca.example"),
        ("tcp://[::1]:9000", "write [::1]:9000"),
        ("127.0.0.1:", "a port is a number from 0 to 65535"),
        ("127.0.0.1:70000", "a port is a number from 0 to 65535"),
        ("[127.0.0.1]:9000", "brackets are for an IPv6 address"),
        // With and without a port, this would be a whole address.
        ("fe80::1:9000", "is written in brackets before a port"),
        ("[fe80::1%:9000]:9000", "brackets are for an IPv6 address"),
        ("ca example:9000", "expected HOST:PORT"),
        ("", "expected HOST:PORT"),
    ];
    let zeros = "00".repeat(32);
    for (address, seen) in wrong {
        let commands: [&[&str]; 7] = [
            &["ca", "serve", "--dir", "ca", "--listen", address],
            &["ca", "serve", "--dir", "ca", "--console", address],
            &["console", "--dir", "ca", "--listen", address],
            &["listen", "--identity", "a", "--listen", address],
            &["connect", "--identity", "a", "--peer", address],
            &["enroll", "--ca", address, "--subject", "a", "--fingerprint", &zeros, "--out", "a"],
            &["renew", "--identity", "a", "--ca", address],
        ];
        for command in commands {
            let refused = run(at, command).expect(2).stderr;
            assert!(refused.contains(seen), "{command:?}: {refused}");
        }
    }
    let nowhere =
        run(at, &["enroll", "--ca", "*:9000", "--subject", "a", "--fingerprint", &zeros, "--out", "a"]);
    assert!(nowhere.expect(2).stderr.contains("no address to connect to"));
    let unknown = run(at, &["listen", "--identity", "a", "--listen", "no-such-host.invalid:9101"]).expect(2);
    assert!(unknown.stderr.contains("no address of no-such-host.invalid is known"), "{}", unknown.stderr);
}

#[test]
fn durations_and_times_have_the_usual_forms() {
    let folder = folder_with_alice();
    let at = folder.path();
    for time in ["90s", "5m", "12h", "3d", "2w", "1y", " 1y "] {
        run(at, &["ca", "token", "--dir", "ca", "--subject", "a", "--expires-in", time]).expect(0);
    }
    for time in ["1", "y", "1.5h", "-1d", "1M", "99999999999999y"] {
        let refused =
            run(at, &["ca", "token", "--dir", "ca", "--subject", "a", "--expires-in", time]).expect(2).stderr;
        assert!(refused.contains("s, m, h, d, w or y") || time.starts_with('-'), "{time}: {refused}");
    }
    let verify = |time: &str| {
        run(at, &["verify", "--anchor", "ca/anchor.json", "alice/certificate.json", "--at", time])
    };
    verify("now").expect(0);
    let valid =
        run(at, &["verify", "--anchor", "ca/anchor.json", "alice/certificate.json", "--json"]).expect(0);
    let valid: Value = serde_json::from_str(&valid.stdout).expect("one JSON value");
    let last = valid["not_after"].as_str().expect("a time");
    let (second, day) = (&last[..19], &last[..10]);
    for time in [last, &format!("{second}Z"), &format!("{second}z"), second, &second.replace('T', " "), day] {
        verify(time).expect(0);
    }
    for time in ["2525-01-01", "2525-01-01T00:00Z", "2525-01-01 00:00", "2525-01-01T00:00:00+00:00"] {
        assert!(verify(time).expect(4).stderr.contains("expired at"), "{time}");
    }
    for time in ["yesterday", "2027-13-01", "01.03.2027", "2027-03-01T12:00:00+01:00", ""] {
        let refused = verify(time).expect(2).stderr;
        assert!(refused.contains("for example 2027-03-01, 2027-03-01T12:00:00Z or now"), "{time}: {refused}");
    }
}

#[test]
fn a_file_that_an_editor_has_touched_is_read() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    run(at, &["status", "--identity", "alice"]).expect(0);
    run(at, &["ca", "revocations", "--dir", "ca", "--out", "list.json"]).expect(0);
    let files = [
        "list.json",
        "ca/anchor.json",
        "ca/ca-public.pem",
        "ca/ca-key.pem",
        "alice/certificate.json",
        "alice/anchor.json",
        "alice/status.json",
        "alice/ca.json",
        "alice/key.pem",
    ];
    let originals = files.map(|file| fs::read_to_string(at.join(file)).expect("a file"));
    let touched: [fn(&str) -> String; 5] = [
        |text| format!("{}\n", text.trim_end()),
        |text| format!("{text}\r\n\r\n  \n"),
        |text| format!("\u{feff}{text}"),
        |text| text.replace('\n', "\r\n"),
        |text| format!("\n\n{}", text.trim_end()),
    ];
    for touch in touched {
        for (file, original) in files.iter().zip(&originals) {
            // This keeps the mode of the file.
            fs::write(at.join(file), touch(original)).expect("written");
        }
        let verify = ["verify", "--anchor", "ca/anchor.json", "alice/certificate.json"];
        run(at, &[&verify[..], &["--status", "alice/status.json", "--revocations", "list.json"]].concat())
            .expect(0);
        for file in files {
            run(at, &["inspect", file]).expect(0);
        }
        run(at, &["status", "--identity", "alice"]).expect(0);
        run(at, &["anchors", "--identity", "alice"]).expect(0);
        run(at, &["ca", "check", "--dir", "ca"]).expect(0);
        let enroll =
            ["enroll", "--ca", &ca, "--subject", "alice", "--out", "again", "--key", "alice/key.pem"];
        for anchor in ["ca/anchor.json", "ca/ca-public.pem", "alice/anchor.json"] {
            run(at, &[&enroll[..], &["--anchor", anchor]].concat()).expect(0);
        }
        // The program writes and sends no such marks.
        assert_eq!(fs::read_to_string(at.join("again/certificate.json")).expect("a file"), originals[4]);
        fs::remove_dir_all(at.join("again")).expect("removed");
    }
    // The rules for the text between the marks stay strict.
    fs::write(at.join("alice/certificate.json"), originals[4].replace(',', ", ")).expect("written");
    run(at, &["verify", "--anchor", "ca/anchor.json", "alice/certificate.json"]).expect(4);
}

#[test]
fn standard_input_and_whole_folders_are_read_and_no_secret_is_shown() {
    let folder = folder_with_alice();
    let at = folder.path();
    let certificate = fs::read(at.join("alice/certificate.json")).expect("a file");
    let explained = run_reading(at, &["inspect", "-"], &certificate).expect(0).stdout;
    assert!(explained.contains("subject_id") && explained.contains("alice"), "{explained}");
    let verified =
        run_reading(at, &["verify", "--anchor", "ca/anchor.json", "-"], &certificate).expect(0).stdout;
    assert!(verified.contains("valid at"), "{verified}");
    let refused = run_reading(at, &["verify", "--anchor", "ca/anchor.json", "-"], b"{}").expect(4).stderr;
    assert!(refused.contains("standard input"), "{refused}");
    let secrets =
        ["ca/ca-key.pem", "alice/key.pem"].map(|file| fs::read_to_string(at.join(file)).expect("a file"));
    let shown = [
        ("alice", ["certificate.json", "anchor.json", "key.pem", "ca.json"].as_slice()),
        ("ca", &["anchor.json", "ca-public.pem", "ca-key.pem"]),
    ];
    for (name, files) in shown {
        let text = run(at, &["inspect", name]).expect(0).stdout;
        let json = run(at, &["inspect", name, "--json"]).expect(0).stdout;
        let value: Value = serde_json::from_str(&json).expect("one JSON value");
        for file in files {
            assert!(text.contains(&format!("{name}/{file}\n")), "{file}: {text}");
            let listed = value["files"].as_array().expect("an array");
            assert!(listed.iter().any(|one| one["file"] == format!("{name}/{file}")), "{file}: {json}");
        }
        for line in secrets.iter().flat_map(|secret| secret.lines()).filter(|line| !line.starts_with('-')) {
            assert!(!text.contains(line) && !json.contains(line), "{name}");
        }
    }
    let other = run(at, &["inspect", "."]).expect(1).stderr;
    assert!(other.contains(". is not the folder of an identity, a CA or a request"), "{other}");
    // Another spelling of the command.
    assert!(run(at, &["enrol", "--help"]).expect(0).stdout.contains("--fingerprint"));
}
