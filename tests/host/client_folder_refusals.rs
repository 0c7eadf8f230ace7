//! Identity folders that are refused: open to others, or with unsuitable files.

use std::fs;
use std::path::Path;
use std::process::Command;

use minipki_client::{Identity, IdentityError};
use minipki_core::cert::Error;
use minipki_core::keys::KeyFileError;
use minipki_provider::HostProvider;
use minipki_tests::advice;
use minipki_tests::ca::chmod;
use minipki_tests::peers::{CA, OTHER_CA, certificate, expired, identity, valid};
use tempfile::TempDir;

use super::client_folder::{begin, names, stored};

#[test]
fn files_that_others_may_change_are_refused_with_advice() {
    let (around, folder, _) = stored("alice");
    for (path, open, sound) in [
        (folder.clone(), 0o770, 0o700),
        (folder.clone(), 0o1777, 0o700),
        (folder.join("anchor.json"), 0o664, 0o644),
        (folder.join("certificate.json"), 0o646, 0o444),
    ] {
        chmod(&path, open);
        let error = Identity::load(HostProvider::default(), &folder).expect_err("others may change it");
        let expected = format!("chmod go-w {}", path.display());
        assert!(advice(&error).contains(&expected), "{error}");
        assert!(matches!(error, IdentityError::Writable { path: it, mode } if it == path && mode == open));
        chmod(&path, sound);
        Identity::load(HostProvider::default(), &folder).expect("the mode is safe");
    }
    let empty = around.path().join("empty");
    fs::create_dir(&empty).expect("a new folder");
    chmod(&empty, 0o777);
    let error = begin(&empty, "alice").expect_err("others may change it");
    assert!(matches!(error, IdentityError::Writable { .. }), "{error}");
    assert!(names(&empty).is_empty(), "no key was made");
}

#[test]
fn a_pipe_or_a_folder_in_place_of_a_key_is_refused_at_once() {
    let (around, folder, _) = stored("alice");
    let path = folder.join("key.pem");
    fs::remove_file(&path).expect("the file exists");
    // Opening a pipe would block.
    let pipe = |path: &Path| {
        let made = Command::new("mkfifo").args(["-m", "600"]).arg(path).status().expect("mkfifo runs");
        assert!(made.success());
    };
    let no_folder = around.path().join("pipe");
    pipe(&no_folder);
    let error = Identity::load(HostProvider::default(), &no_folder).expect_err("no folder");
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
    pipe(&path);
    let error = Identity::load(HostProvider::default(), &folder).expect_err("no file");
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
    fs::remove_file(&path).expect("the file exists");
    fs::create_dir(&path).expect("a new folder");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("no file");
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
}

/// The file of the lock's name may be a pipe, a file with a second name, or a file of another program.
#[test]
fn a_file_that_is_no_lock_of_an_enrolment_is_left_alone() {
    let around = TempDir::new().expect("a folder");
    let sh = |script: &str| {
        let done = Command::new("sh").args(["-ec", script]).current_dir(around.path()).status();
        assert!(done.expect("a shell").success(), "{script}");
    };
    sh("umask 077; mkdir pipe linked foreign; mkfifo pipe/enrolment.json");
    sh(
        "umask 077; echo precious > file; ln file linked/enrolment.json; echo '{\"my\":1}' > foreign/enrolment.json",
    );
    for folder in ["pipe", "linked", "foreign"] {
        let error = begin(&around.path().join(folder), "alice").expect_err("another file has the name");
        assert!(matches!(error, IdentityError::Exists(_)), "{folder}: {error}");
    }
    assert_eq!(fs::read(around.path().join("file")).expect("the file exists"), b"precious\n");
    assert_eq!(
        fs::read(around.path().join("foreign/enrolment.json")).expect("the file exists"),
        b"{\"my\":1}\n"
    );
}

#[test]
fn a_key_that_others_may_read_is_refused_with_advice() {
    let (_around, folder, _) = stored("alice");
    for open in [0o640, 0o604, 0o620] {
        chmod(&folder.join("key.pem"), open);
        let error = Identity::load(HostProvider::default(), &folder).expect_err("others have access");
        assert!(matches!(error, IdentityError::Mode { mode, .. } if mode == open), "{error}");
        assert!(advice(&error).contains("chmod 600"), "{error}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let bob = identity("bob");
    let (_around, folder, alice) = stored("alice");
    let file = folder.join("certificate.json");
    let expect = |content: &[u8], expected: Error| {
        fs::write(&file, content).expect("room on the disk");
        match Identity::load(HostProvider::default(), &folder) {
            Err(IdentityError::Certificate { path, source }) => {
                assert_eq!((path, source), (file.clone(), expected));
            }
            other => panic!("expected {expected:?}, got {other:?}"),
        }
    };
    expect(bob.certificate(), Error::SubjectKeyMismatch);
    expect(&certificate(OTHER_CA, "alice", alice.key().public(), valid()), Error::IssuerKeyMismatch);
    let old = certificate(CA, "alice", alice.key().public(), expired());
    fs::write(&file, old).expect("room on the disk");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("the certificate has expired");
    assert!(matches!(error, IdentityError::OutOfTime(_)), "{error}");
    assert!(error.to_string().starts_with("this machine's clock shows"), "{error}");

    fs::write(&file, alice.certificate()).expect("room on the disk");
    Identity::load(HostProvider::default(), &folder).expect("the original certificate");
    fs::remove_file(&file).expect("the file exists");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("a file is missing");
    assert!(matches!(&error, IdentityError::Missing(path) if *path == file), "{error}");
}

#[test]
fn a_key_or_an_anchor_that_cannot_be_read_is_refused() {
    let (_around, folder, _) = stored("alice");
    fs::write(folder.join("anchor.json"), "{}").expect("room on the disk");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("no anchor");
    assert!(matches!(error, IdentityError::Anchor { source: Error::Json(_), .. }), "{error}");
    fs::write(folder.join("key.pem"), "a key").expect("room on the disk");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("no key");
    assert!(matches!(error, IdentityError::Key { source: KeyFileError::Pem(_), .. }), "{error}");
}
