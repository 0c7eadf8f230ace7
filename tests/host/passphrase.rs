//! The sources of a passphrase, and the commands that open an encrypted key.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use minipki_fixtures::openssl;
use minipki_tests::ca::chmod;
use minipki_tests::program::{Done, run, run_with, start, start_after, start_by, start_with};
use rustix::process::geteuid;
use tempfile::TempDir;

/// A passphrase that no other text contains.
const SECRET: &str = "correct-horse-7f3a";

/// Writes `text` into the private file `name` in `folder`.
pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).expect("written");
    chmod(&path, 0o600);
}

/// A folder with the passphrase in `right`, another one in `wrong`, and a CA in `ca` whose key is encrypted.
pub(crate) fn folder_with_encrypted_ca() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), "right", &format!("{SECRET}\n"));
    write(folder.path(), "wrong", "another\n");
    run(folder.path(), &["ca", "init", "--dir", "ca", "--passphrase-file", "right"]).expect(0);
    folder
}

const SERVE: [&str; 6] = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
const CHECK: [&str; 4] = ["ca", "check", "--dir", "ca"];

fn with<'a>(command: &[&'a str], options: &[&'a str]) -> Vec<&'a str> {
    [command, options].concat()
}

/// Checks that the program has opened the key of the CA.
#[track_caller]
fn opened(done: Done) {
    let done = done.expect(0);
    assert!(done.stdout.contains("it matches the anchor"), "{done:?}");
    assert!(!format!("{done:?}").contains(SECRET));
}

#[test]
fn a_passphrase_comes_from_a_file_a_descriptor_or_systemd() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    let key = fs::read(at.join("ca/ca-key.pem")).expect("a file");
    assert!(key.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    openssl(&["pkey", "-noout", "-passin", &format!("pass:{SECRET}")], &key);

    opened(run(at, &with(&CHECK, &["--passphrase-file", "right"])));
    // A pipe and a file, inherited from a shell.
    let by_descriptor = with(&CHECK, &["--passphrase-fd", "7"]);
    opened(start_after("exec 7< right", at, &by_descriptor).wait());
    let pipe = format!("set -- \"$0\" \"$@\" && printf '{SECRET}\\n' | \"$@\" 7<&0 && exit && :");
    opened(start_after(&pipe, at, &by_descriptor).wait());
    // As systemd passes it, in a file that a group may read.
    fs::create_dir(at.join("credentials")).expect("made");
    write(at, "credentials/minipki-passphrase", SECRET);
    chmod(&at.join("credentials/minipki-passphrase"), 0o440);
    let credentials = at.join("credentials");
    let variable = [("CREDENTIALS_DIRECTORY", credentials.to_str().expect("text"))];
    opened(run_with(at, &CHECK, &variable));
    // An option comes first.
    let wrong = run_with(at, &with(&CHECK, &["--passphrase-file", "wrong"]), &variable).expect(1);
    assert!(wrong.stdout.contains("the passphrase is wrong"), "{wrong:?}");
    // Without the credential there is no passphrase.
    fs::remove_file(at.join("credentials/minipki-passphrase")).expect("removed");
    let closed = run_with(at, &CHECK, &variable).expect(0);
    assert!(closed.stdout.contains("it is encrypted and was not opened"), "{closed:?}");
}

#[test]
fn a_passphrase_is_never_an_argument_and_its_file_must_be_private_and_sound() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    for option in ["--passphrase", "--new-passphrase"] {
        run(at, &with(&SERVE, &[option, SECRET])).expect(2);
    }
    let refused = |file: &str, expected: &str| {
        let done = run(at, &with(&SERVE, &["--passphrase-file", file])).expect(1);
        assert!(done.stderr.contains(expected), "{expected:?} in {done:?}");
        assert!(done.stderr.contains("next:"), "{done:?}");
        assert!(!done.stderr.contains(SECRET), "{done:?}");
    };
    refused("missing", "missing");
    write(at, "empty", "\n");
    refused("empty", "empty: the passphrase is empty");
    write(at, "lines", &format!("{SECRET}\n{SECRET}\n"));
    refused("lines", "more than one line");
    write(at, "long", &"a".repeat(2000));
    refused("long", "longer than 1024 bytes");
    chmod(&at.join("right"), 0o644);
    refused("right", "has mode 0644, so other users may read the passphrase");
    let done = run(at, &with(&SERVE, &["--passphrase-fd", "97"])).expect(1);
    assert!(done.stderr.contains("/dev/fd/97"), "{done:?}");
}

#[test]
fn without_a_passphrase_the_error_names_its_sources_and_with_a_wrong_one_it_says_so() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    let locked = run(at, &SERVE).expect(1).stderr;
    for source in ["--passphrase-file", "--passphrase-fd", "minipki-passphrase", "terminal"] {
        assert!(locked.contains(source), "{source} in {locked}");
    }
    let wrong = run(at, &with(&SERVE, &["--passphrase-file", "wrong"])).expect(1).stderr;
    assert!(wrong.contains("the passphrase is wrong, or the file was damaged"), "{wrong}");
    run(at, &["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--passphrase-file", "wrong"]).expect(1);
    // Commands that do not need the key need no passphrase.
    for command in [&["ca", "fingerprint"][..], &["ca", "list"], &["ca", "token", "--subject", "alice"]] {
        run(at, &with(command, &["--dir", "ca"])).expect(0);
    }
}

#[test]
fn an_encrypted_ca_and_encrypted_clients_work_and_no_passphrase_is_shown() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    let mut server = start_with(at, &with(&SERVE, &["--passphrase-file", "right"]), &[("RUST_LOG", "trace")]);
    let ca = server.address("serving");
    let line = fs::read(format!("/proc/{}/cmdline", server.id())).expect("the program runs");
    assert!(!String::from_utf8_lossy(&line).contains(SECRET));
    for name in ["alice", "bob"] {
        let enroll = ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", name, "--out", name];
        let done = run(at, &with(&enroll, &["--passphrase-file", "right", "--trace"])).expect(0);
        assert!(!format!("{done:?}").contains(SECRET), "{done:?}");
        // The same command again opens the key.
        run(at, &with(&enroll, &["--passphrase-file", "right"])).expect(0);
        let locked = run(at, &enroll).expect(1).stderr;
        assert!(locked.contains("--passphrase-file FILE"), "{locked}");
        let key = fs::read(at.join(name).join("key.pem")).expect("a file");
        assert!(key.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        openssl(&["pkey", "-noout", "-passin", &format!("pass:{SECRET}")], &key);
    }
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once", "--expect", "hello"];
    run(at, &listen).expect(1);
    let wrong = run(at, &with(&listen, &["--passphrase-file", "wrong"])).expect(1).stderr;
    assert!(wrong.contains("bob/key.pem: the passphrase is wrong"), "{wrong}");
    let mut bob = start(at, &with(&listen, &["--passphrase-file", "right"]));
    let peer = bob.address("is listening");
    let connect = ["connect", "--identity", "alice", "--peer", &peer, "--send", "hello"];
    run(at, &with(&connect, &["--passphrase-file", "right"])).expect(0);
    bob.wait().expect(0);
    let log = server.stop().expect(0);
    assert!(!format!("{log:?}").contains(SECRET));
}

#[test]
fn an_interrupted_creation_is_continued_with_the_passphrase() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    fs::remove_file(at.join("ca/anchor.json")).expect("removed");
    let init = ["ca", "init", "--dir", "ca"];
    let locked = run(at, &init).expect(1).stderr;
    assert!(locked.contains("--passphrase-file FILE"), "{locked}");
    run(at, &with(&init, &["--passphrase-file", "right"])).expect(0);
    opened(run(at, &with(&CHECK, &["--passphrase-file", "right"])));
    // A key from an earlier try without a passphrase is not silently left as it is.
    run(at, &["ca", "init", "--dir", "plain"]).expect(0);
    fs::remove_file(at.join("plain/anchor.json")).expect("removed");
    let done = run(at, &["ca", "init", "--dir", "plain", "--passphrase-file", "right"]).expect(0);
    assert!(done.stderr.contains("is not encrypted"), "{done:?}");
    assert!(done.stderr.contains("minipki ca passphrase --dir plain"), "{done:?}");
    let refused = run(at, &["ca", "init", "--dir", "new", "--encrypt"]).expect(2).stderr;
    assert!(refused.contains("--passphrase-file FILE"), "{refused}");
    assert!(!at.join("new").exists());
}

#[test]
fn an_encrypted_key_is_backed_up_and_restored_with_and_without_its_passphrase() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    let closed = run(at, &["ca", "backup", "--dir", "ca", "--to", "closed.tar"]).expect(0);
    assert!(closed.stderr.contains("The key is encrypted, and was not opened"), "{closed:?}");
    let right = ["--passphrase-file", "right"];
    let open = run(at, &with(&["ca", "backup", "--dir", "ca", "--to", "open.tar"], &right)).expect(0);
    assert!(!open.stderr.contains("was not opened"), "{open:?}");
    let wrong = ["ca", "backup", "--dir", "ca", "--to", "wrong.tar", "--passphrase-file", "wrong"];
    run(at, &wrong).expect(1);
    assert!(!at.join("wrong.tar").exists());

    run(at, &["ca", "restore", "--from", "closed.tar", "--dir", "first"]).expect(0);
    run(at, &with(&["ca", "restore", "--from", "closed.tar", "--dir", "second"], &right)).expect(0);
    let wrong = ["ca", "restore", "--from", "open.tar", "--dir", "third", "--passphrase-file", "wrong"];
    let refused = run(at, &wrong).expect(1).stderr;
    assert!(refused.contains("the passphrase is wrong"), "{refused}");
    for restored in ["first", "second"] {
        opened(run(at, &with(&["ca", "check", "--dir", restored], &right)));
        // Only what is lost comes back, whether or not the key can be opened.
        fs::remove_file(at.join(restored).join("anchor.json")).expect("removed");
        let done = run(at, &["ca", "restore", "--from", "open.tar", "--dir", restored]).expect(0);
        assert!(done.stderr.contains("anchor.json restored"), "{done:?}");
        fs::remove_file(at.join(restored).join("ca-key.pem")).expect("removed");
        run(at, &with(&["ca", "restore", "--from", "open.tar", "--dir", restored], &right)).expect(0);
        opened(run(at, &with(&["ca", "check", "--dir", restored], &right)));
    }
    // A damaged encrypted key is found without its passphrase, and put back.
    let path = at.join("first/ca-key.pem");
    let text = fs::read_to_string(&path).expect("a file");
    write(at, "first/ca-key.pem", &text[..text.len() / 2]);
    let damaged = run(at, &["ca", "check", "--dir", "first"]).expect(1);
    assert!(damaged.stderr.contains("restore a backup"), "{damaged:?}");
    run(at, &["ca", "restore", "--from", "open.tar", "--dir", "first"]).expect(0);
    assert_eq!(fs::read_to_string(&path).expect("a file"), text);
}

#[test]
fn inspect_shows_an_encrypted_key_and_with_its_passphrase_the_public_part() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    let closed = run(at, &["inspect", "ca/ca-key.pem"]).expect(0).stdout;
    assert!(closed.contains("encrypted private key") && closed.contains("scrypt (N = 16384"), "{closed}");
    let open = run(at, &["inspect", "ca/ca-key.pem", "--passphrase-file", "right"]).expect(0).stdout;
    let fingerprint = run(at, &["ca", "fingerprint", "--dir", "ca"]).expect(0).stdout;
    assert!(open.contains("RSA private key") && open.contains(fingerprint.trim()), "{open}");
    run(at, &["inspect", "ca/ca-key.pem", "--passphrase-file", "wrong"]).expect(1);
}

#[test]
fn the_memory_of_the_program_is_protected() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    chmod(at, 0o777);
    let console = ["console", "--dir", "ca", "--listen", "127.0.0.1:0"];
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut program = if geteuid().is_root() { start_by(&nobody, at, &console) } else { start(at, &console) };
    program.line("/enter?key=");
    let process = format!("/proc/{}", program.id());
    let limits = fs::read_to_string(format!("{process}/limits")).expect("the program runs");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
    // Linux lets only root read the memory of a process that must not be dumped.
    assert_eq!(fs::metadata(format!("{process}/mem")).expect("the program runs").uid(), 0);
    program.stop().expect(0);

    // Whether this user may lock all memory.
    let allowed = Command::new("sh").args(["-c", "ulimit -l unlimited"]).status().expect("a shell").success();
    let mut program = start(at, &console);
    program.line("/enter?key=");
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).expect("the program runs");
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("a size");
    assert_eq!(locked.trim() != "0 kB", allowed, "{status}");
    program.stop().expect(0);
}
