//! A file of another kind, a folder, or an endless file in the place of the expected file: the kind is named, nothing of the
//! content is shown, and no more than a bounded part is read.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use minipki_tests::program::{Done, folder_with_alice, run, start_after, start_typing};
use serde_json::Value;

use super::passphrase::write;

/// Files of other kinds, and the names of their kinds.
const OTHERS: [(&str, &[u8], &str); 9] = [
    ("paper.pdf", b"%PDF-1.7 \x00\xff", "a PDF document"),
    ("photo.png", b"\x89PNG\r\n\x1a\n\0", "a PNG picture"),
    ("sheet.xlsx", b"PK\x03\x04\0\0", "a ZIP archive or an office document"),
    ("notes.txt", b"a note", "plain text"),
    ("nothing", b"", "no content"),
    ("noise.bin", b"\xfe\x00\x01", "binary data"),
    ("package.json", b"{\"name\":\"x\"}", "JSON of another kind"),
    ("request.json", b"{\"type\":\"status_request\"}", "a message of the protocol"),
    (
        "other.pem",
        b"-----BEGIN DH PARAMETERS-----\nAA==\n-----END DH PARAMETERS-----\n",
        "PEM of another kind",
    ),
];

/// Checks that a refusal names the kind that was found and the one that was expected.
#[track_caller]
fn names(done: Done, code: i32, file: &str, found: &str, wanted: &str) -> String {
    let refused = done.expect(code).stderr;
    assert!(refused.contains(&format!("{file} has {found}, and {wanted} is expected")), "{refused}");
    assert!(!refused.contains("damaged") && refused.contains("next: "), "{refused}");
    refused
}

fn verify(at: &Path, anchor: &str, more: &[&str]) -> Done {
    run(at, &[&["verify", "--anchor", anchor][..], more].concat())
}

/// A folder with the CA `ca`, the identity `alice` with a status, a list, a backup and the other files.
fn files() -> tempfile::TempDir {
    let folder = folder_with_alice();
    let at = folder.path();
    run(at, &["ca", "revocations", "--dir", "ca", "--out", "list.json"]).expect(0);
    run(at, &["ca", "backup", "--dir", "ca", "--to", "backup.tar"]).expect(0);
    for (name, content, _) in OTHERS {
        fs::write(at.join(name), content).expect("written");
    }
    // Only its kind matters.
    write(at, "status.json", "{\"type\":\"certificate_status\"}");
    folder
}

#[test]
fn a_file_of_another_kind_is_named_with_the_file_that_is_expected() {
    let folder = files();
    let at = folder.path();
    let ours = [
        ("alice/certificate.json", "a certificate"),
        ("ca/anchor.json", "an anchor"),
        ("status.json", "a status"),
        ("list.json", "a list of revoked certificates"),
        ("alice/ca.json", "the address of a CA"),
        ("ca/ledger.sqlite", "the ledger of a CA, or another SQLite database"),
        ("backup.tar", "a tar archive, perhaps the backup of a CA"),
    ];
    let keys = [
        ("alice/key.pem", "an X25519 private key"),
        ("ca/ca-key.pem", "an RSA private key"),
        ("ca/ca-public.pem", "an RSA public key"),
    ];
    let others = OTHERS.map(|(name, _, kind)| (name, kind));
    let ledger = fs::read_dir(at.join("ca")).expect("a folder").filter_map(|entry| {
        let name = entry.expect("a file").file_name();
        name.to_str().filter(|name| name.starts_with("ledger") && !name.contains('-')).map(str::to_owned)
    });
    assert_eq!(ledger.collect::<Vec<_>>(), ["ledger.sqlite"]);
    let certificate = "alice/certificate.json";
    for (file, found) in ours.into_iter().chain(keys).chain(others) {
        let is_long = fs::metadata(at.join(file)).expect("a file").len() > 64 * 1024;
        if found != "a certificate" && !is_long {
            names(verify(at, "ca/anchor.json", &[file]), 4, file, found, "a certificate");
            let json = verify(at, "ca/anchor.json", &[file, "--json"]).expect(4).stdout;
            let json: Value = serde_json::from_str(&json).expect("one JSON value");
            assert_eq!(json["valid"], false);
            assert!(json["error"].as_str().is_some_and(|error| error.contains(found)), "{json}");
        }
        if found != "a status" && !is_long {
            let done = verify(at, "ca/anchor.json", &[certificate, "--status", file]);
            names(done, 4, file, found, "a status");
        }
        if found != "a list of revoked certificates" {
            let done = verify(at, "ca/anchor.json", &[certificate, "--revocations", file]);
            names(done, 4, file, found, "a list of revoked certificates");
        }
        if is_long {
            for more in [&[file][..], &[certificate, "--status", file]] {
                let refused = verify(at, "ca/anchor.json", more).expect(1).stderr;
                assert!(refused.contains(&format!("{file} has {found}, and is longer than")), "{refused}");
            }
        }
        if found == "an anchor" || keys.contains(&(file, found)) {
            continue;
        }
        // Every command with an anchor reads it alike.
        let enroll = ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out", "a", "--anchor", file];
        let status = ["status", "--ca", "127.0.0.1:9", "--serial", "1", "--anchor", file];
        names(verify(at, file, &[certificate]), 4, file, found, "an anchor");
        names(run(at, &enroll), 4, file, found, "an anchor");
        names(run(at, &status), 4, file, found, "an anchor");
        names(run(at, &["anchors", "--identity", "alice", "--from", file]), 4, file, found, "an anchor");
    }
    // A key, or a backup, is expected. The mode of a file of another kind is not to be changed.
    for (file, found) in ours.into_iter().chain(others) {
        let import = ["ca", "import", "--key", file, "--dir", "imported"];
        let enroll = [
            "enroll",
            "--ca",
            "127.0.0.1:9",
            "--subject",
            "a",
            "--out",
            "a",
            "--anchor",
            "ca",
            "--key",
            file,
        ];
        for done in [run(at, &import), run(at, &enroll)] {
            let refused = names(done, 1, file, found, "a private key");
            assert!(!refused.contains("chmod"), "{refused}");
        }
        if file != "backup.tar" {
            let restore = ["ca", "restore", "--from", file, "--dir", "restored"];
            let refused = names(run(at, &restore), 1, file, found, "the backup of a CA");
            assert!(refused.contains("next: give the file that `minipki ca backup"), "{refused}");
        }
    }
    // The next step is the file beside it, or the command that writes it.
    let refused = verify(at, certificate, &["ca/anchor.json"]).expect(4).stderr;
    assert!(refused.contains("next: give the file beside it: alice/anchor.json"), "{refused}");
    let refused = verify(at, "ca/anchor.json", &["alice/key.pem"]).expect(4).stderr;
    assert!(refused.contains("next: give the file beside it: alice/certificate.json"), "{refused}");
    let refused = verify(at, "ca/anchor.json", &[certificate, "--status", "alice/key.pem"]).expect(4).stderr;
    assert!(refused.contains("`minipki status --identity DIR` writes"), "{refused}");
    let refused =
        verify(at, "ca/anchor.json", &[certificate, "--revocations", "status.json"]).expect(4).stderr;
    assert!(refused.contains("`minipki ca revocations --dir DIR --out FILE` writes"), "{refused}");
    let piped = start_typing(at, &["verify", "--anchor", "ca/anchor.json", "-"], "%PDF-").wait();
    let refused = names(piped, 4, "standard input", "a PDF document", "a certificate");
    assert!(refused.contains("from the folder that `minipki enroll` made"), "{refused}");
    // A damaged file of the right kind is still said to be damaged.
    let whole = fs::read_to_string(at.join(certificate)).expect("a file");
    write(at, "cut.json", &whole[..whole.len() - 9]);
    let refused = verify(at, "ca/anchor.json", &["cut.json"]).expect(4).stderr;
    assert!(refused.contains("damaged or changed") && !refused.contains("is expected"), "{refused}");
}

#[test]
fn inspect_names_the_kind_of_a_file_that_it_does_not_explain_and_prints_json() {
    let folder = files();
    let at = folder.path();
    let ours = [("ca/ledger.sqlite", "the ledger of a CA"), ("backup.tar", "a tar archive")];
    let explained = ["request.json"];
    for (file, found) in OTHERS.map(|(name, _, kind)| (name, kind)).into_iter().chain(ours) {
        if explained.contains(&file) {
            continue;
        }
        let refused = run(at, &["inspect", file]).expect(1);
        assert!(refused.stderr.contains(&format!("{file} has {found}")), "{refused:?}");
        assert!(refused.stdout.is_empty(), "{refused:?}");
    }
    for file in ["paper.pdf", "nosuch", "ca/ledger.sqlite"] {
        let json = run(at, &["inspect", file, "--json"]).expect(1).stdout;
        let json: Value = serde_json::from_str(&json).expect("one JSON value");
        assert_eq!((&json["kind"], &json["fields"]), (&"unknown".into(), &Value::Array(Vec::new())));
        assert!(json["fault"].as_str().is_some_and(|fault| fault.contains(file)), "{json}");
    }
    let ledger = run(at, &["inspect", "ca/ledger.sqlite"]).expect(1).stderr;
    assert!(
        ledger.contains("next: list the certificates of a CA with `minipki ca list --dir DIR`"),
        "{ledger}"
    );
    // A file of a folder that cannot be explained does not hide the others.
    write(at, "alice/status.json", "no status");
    let shown = run(at, &["inspect", "alice"]).expect(1);
    assert!(shown.stdout.contains("alice/anchor.json") && shown.stderr.contains("plain text"), "{shown:?}");
    let json = run(at, &["inspect", "alice", "--json"]).expect(1).stdout;
    let json: Value = serde_json::from_str(&json).expect("one JSON value");
    let files = json["files"].as_array().expect("an array");
    let kind = |name: &str| {
        let file = files.iter().find(|file| file["file"] == format!("alice/{name}")).expect("a file");
        file["kind"].as_str().expect("a kind").to_owned()
    };
    assert_eq!(
        (kind("status.json"), kind("certificate.json")),
        ("unknown".to_owned(), "certificate".to_owned())
    );
    fs::create_dir(at.join("empty")).expect("a folder");
    let empty = run(at, &["inspect", "empty", "--json"]).expect(1).stdout;
    let empty: Value = serde_json::from_str(&empty).expect("one JSON value");
    assert_eq!((&empty["folder"], &empty["files"]), (&"empty".into(), &Value::Array(Vec::new())));
}

#[test]
fn a_folder_with_the_wanted_file_is_taken_and_a_file_in_the_wanted_folder_is_said_so() {
    let folder = files();
    let at = folder.path();
    let valid = verify(at, "ca/anchor.json", &["alice/certificate.json"]).expect(0).stdout;
    for (anchor, certificate) in [("ca", "alice"), ("alice", "alice/"), ("ca/", "alice/certificate.json")] {
        let taken = verify(at, anchor, &[certificate]).expect(0).stdout;
        assert_eq!(taken.lines().skip(1).collect::<Vec<_>>(), valid.lines().skip(1).collect::<Vec<_>>());
    }
    // The file inside is the one that the error names.
    fs::copy(at.join("status.json"), at.join("alice/status.json")).expect("copied");
    let refused = verify(at, "ca", &["alice", "--status", "alice"]).expect(4).stderr;
    assert!(refused.contains("alice/certificate.json: "), "{refused}");
    run(at, &["anchors", "--identity", "alice", "--from", "ca"]).expect(0);
    run(at, &["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out", "a", "--anchor", "ca"]).expect(5);
    // A folder without the file.
    for done in [
        verify(at, "ca", &["ca"]),
        verify(at, ".", &["alice"]),
        verify(at, "ca", &["alice", "--revocations", "ca"]),
    ] {
        let refused = done.expect(1).stderr;
        assert!(refused.contains("is a folder, and a file is expected"), "{refused}");
        assert!(refused.contains("next: give a file in this folder"), "{refused}");
    }
    for command in [
        &["ca", "fingerprint", "--dir", "ca/anchor.json"][..],
        &["ca", "list", "--dir", "ca/anchor.json"],
        &["ca", "serve", "--dir", "ca/anchor.json", "--listen", "127.0.0.1:0"],
        &["listen", "--identity", "alice/certificate.json", "--listen", "127.0.0.1:0"],
        &["connect", "--identity", "alice/certificate.json", "--peer", "127.0.0.1:9"],
        &["status", "--identity", "alice/certificate.json"],
        &["anchors", "--identity", "alice/certificate.json"],
    ] {
        let refused = run(at, command).expect(1).stderr;
        let (file, folder) =
            if command[0] == "ca" { ("ca/anchor.json", "ca") } else { ("alice/certificate.json", "alice") };
        assert!(
            refused.contains(&format!("{file} is a file in {folder}, and a folder is expected")),
            "{refused}"
        );
        assert!(refused.contains("next: give the folder, and not a file in it"), "{refused}");
    }
}

/// Runs the program with 1 GB of address space, which an unbounded read would use up.
fn run_small(at: &Path, command: &[&str]) -> Done {
    start_after("ulimit -v 1500000", at, command).wait()
}

#[test]
fn an_endless_or_huge_file_is_refused_after_a_bounded_part() {
    let folder = files();
    let at = folder.path();
    let huge = File::create(at.join("huge")).expect("a file");
    huge.set_len(5 << 30).expect("a file of 5 GiB without blocks");
    let zero = at.join("zero");
    symlink("/dev/zero", &zero).expect("a link");
    for (file, number) in [("zero", 0), ("huge", 1)] {
        let fails = |command: &[&str]| {
            let done = run_small(at, command);
            assert!(matches!(done.code, Some(1 | 4)), "{command:?}: {done:?}");
            assert!(
                done.stderr.contains("error: ") && !done.stderr.contains("memory"),
                "{command:?}: {done:?}"
            );
        };
        fails(&["inspect", file]);
        fails(&["verify", "--anchor", file, "alice"]);
        fails(&["verify", "--anchor", "ca", file]);
        fails(&["verify", "--anchor", "ca", "alice", "--status", file]);
        fails(&["verify", "--anchor", "ca", "alice", "--revocations", file]);
        fails(&["ca", "restore", "--from", file, "--dir", "restored"]);
        fails(&["ca", "import", "--key", file, "--dir", "imported"]);
        fails(&["ca", "init", "--dir", "new", "--passphrase-file", file]);
        let zeros = "00".repeat(32);
        let enroll =
            ["enroll", "--ca", "127.0.0.1:9", "--subject", "a", "--out", "a", "--fingerprint", &zeros];
        fails(&[&enroll[..], &["--key", file]].concat());
        let done = run_small(at, &[&enroll[..], &["--token-file", file]].concat());
        assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
        fails(&["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--tls-cert", file, "--tls-key", file]);
        // The files of a folder.
        for name in ["ca/anchor.json", "ca/ca-key.pem", "ca/ca-public.pem", "ca/last-start.json"] {
            let kept = at.join(format!("kept-{number}"));
            fs::rename(at.join(name), &kept).expect("moved");
            let link = at.join(name);
            symlink(at.join(file), &link).expect("a link");
            let done = run_small(at, &["ca", "backup", "--dir", "ca", "--to", "other.tar"]);
            if name != "ca/last-start.json" && name != "ca/ca-public.pem" {
                assert_eq!(done.code, Some(1), "{name}: {done:?}");
            }
            if name == "ca/anchor.json" {
                fails(&["ca", "fingerprint", "--dir", "ca"]);
                fails(&["ca", "list", "--dir", "ca"]);
                fails(&["ca", "check", "--dir", "ca"]);
                // The backup puts back the file.
                run_small(at, &["ca", "restore", "--from", "backup.tar", "--dir", "ca"]).expect(0);
            } else {
                fs::remove_file(&link).expect("removed");
                fs::rename(&kept, at.join(name)).expect("moved");
            }
            let _ = fs::remove_file(at.join("other.tar"));
            let _ = fs::remove_file(&kept);
        }
    }
}
