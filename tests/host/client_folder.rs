//! The identity folder: whole or not at all, nothing overwritten, nothing believed unchecked.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use minipki::client::{AnchorError, Identity, IdentityError, NewFolder, read_anchor};
use minipki_core::cert::{Anchor, Error};
use minipki_core::crypto::{KeyFileError, KeyPair};
use minipki_core::text::Now;
use minipki_tests::ca::{chmod, mode};
use minipki_tests::openssl;
use minipki_tests::peers::{CA, certificate, expired, identity, identity_of, key_pair, now, trust, valid};
use minipki_tests::rsa_keys::public;
use tempfile::TempDir;

/// A folder that holds `identity`, in one that goes away.
fn kept(identity: &Identity) -> (TempDir, PathBuf) {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    NewFolder::begin(&folder).expect("nothing is there").keep(identity).expect("room on the disk");
    (around, folder)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn what_is_kept_is_loaded() {
    let alice = identity("alice");
    let (around, folder) = kept(&alice);
    assert_eq!(names(around.path()), ["id"], "nothing else is left");
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem"]);
    assert_eq!((mode(&folder), mode(&folder.join("key.pem"))), (0o700, 0o600));
    assert_eq!(fs::read(folder.join("certificate.json")).expect("it is there"), alice.certificate());

    let loaded = Identity::load(&folder).expect("as it was kept");
    assert_eq!(loaded.key().public(), alice.key().public());
    assert_eq!(loaded.certificate(), alice.certificate());
    assert_eq!(loaded.anchor(), alice.anchor());
    assert_eq!(loaded.subject_id().as_str(), "alice");
}

#[test]
fn openssl_reads_the_key() {
    let alice = identity("alice");
    let (_around, folder) = kept(&alice);
    let path = folder.join("key.pem");
    let path = path.to_str().expect("text");
    let der = openssl(&["pkey", "-in", path, "-pubout", "-outform", "DER"], b"");
    assert!(der.ends_with(alice.key().public()), "the public key that openssl computes");
    let text = String::from_utf8(openssl(&["pkey", "-in", path, "-noout", "-text"], b"")).expect("text");
    assert!(text.starts_with("X25519 Private-Key"), "{text}");
}

#[test]
fn nothing_is_overwritten() {
    let around = tempfile::tempdir().expect("a folder");
    let file = around.path().join("file");
    fs::write(&file, "mine").expect("room on the disk");
    let link = around.path().join("link");
    symlink(around.path().join("nowhere"), &link).expect("room on the disk");
    let (_elsewhere, taken) = kept(&identity("alice"));
    for path in [&file, &link, &taken] {
        let error = NewFolder::begin(path).expect_err("something is there");
        assert!(matches!(error, IdentityError::Exists(_)), "{error}");
    }
    assert_eq!(names(around.path()), ["file", "link"], "nothing else is left");
}

#[test]
fn what_comes_in_the_way_meanwhile_is_not_overwritten() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let new = NewFolder::begin(&folder).expect("nothing is there");
    fs::create_dir(&folder).expect("nothing is there");
    fs::write(folder.join("key.pem"), "mine").expect("room on the disk");
    let error = new.keep(&identity("alice")).expect_err("something is there");
    assert!(matches!(error, IdentityError::Exists(_)), "{error}");
    assert_eq!(fs::read(folder.join("key.pem")).expect("it is there"), b"mine");
    assert_eq!(names(around.path()), ["id"], "nothing else is left");
}

#[test]
fn an_empty_folder_may_be_there_and_becomes_private() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    fs::create_dir(&folder).expect("nothing is there");
    chmod(&folder, 0o755);
    NewFolder::begin(&folder).expect("it is empty").keep(&identity("alice")).expect("it is empty");
    assert_eq!(mode(&folder), 0o700);
}

#[test]
fn a_folder_that_is_given_up_leaves_nothing() {
    let around = tempfile::tempdir().expect("a folder");
    let new = NewFolder::begin(&around.path().join("id")).expect("nothing is there");
    assert_eq!(names(around.path()).len(), 1, "it is being made");
    drop(new);
    assert!(names(around.path()).is_empty());
}

#[test]
fn a_folder_without_a_name_or_a_place_is_refused() {
    assert!(matches!(NewFolder::begin(Path::new("..")), Err(IdentityError::Nameless(_))));
    let around = tempfile::tempdir().expect("a folder");
    let error = NewFolder::begin(&around.path().join("no/such")).expect_err("its place does not exist");
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
}

#[test]
fn a_key_that_others_may_read_is_refused_with_advice() {
    let (_around, folder) = kept(&identity("alice"));
    for open in [0o640, 0o604, 0o620] {
        chmod(&folder.join("key.pem"), open);
        let error = Identity::load(&folder).expect_err("others have access");
        assert!(matches!(error, IdentityError::Mode { mode, .. } if mode == open), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (alice, bob) = (identity("alice"), identity("bob"));
    let (_around, folder) = kept(&alice);
    let file = folder.join("certificate.json");
    let expect = |content: &[u8], expected: Error| {
        fs::write(&file, content).expect("room on the disk");
        match Identity::load(&folder) {
            Err(IdentityError::Certificate { path, source }) => {
                assert_eq!((path, source), (file.clone(), expected));
            }
            other => panic!("expected {expected:?}, got {other:?}"),
        }
    };
    expect(bob.certificate(), Error::SubjectKeyMismatch);
    expect(
        identity_of(minipki_tests::peers::OTHER_CA, "alice", valid()).certificate(),
        Error::IssuerKeyMismatch,
    );
    let old = identity_of(CA, "alice", expired());
    fs::write(&file, old.certificate()).expect("room on the disk");
    let error = Identity::load(&folder).expect_err("it has expired");
    assert!(matches!(error, IdentityError::Certificate { source: Error::Expired { .. }, .. }), "{error}");

    fs::write(&file, alice.certificate()).expect("room on the disk");
    Identity::load(&folder).expect("as it was");
    fs::remove_file(&file).expect("it is there");
    let error = Identity::load(&folder).expect_err("a file is missing");
    assert!(matches!(&error, IdentityError::Missing(path) if *path == file), "{error}");
}

#[test]
fn a_key_or_an_anchor_that_cannot_be_read_is_refused() {
    let (_around, folder) = kept(&identity("alice"));
    fs::write(folder.join("anchor.json"), "{}").expect("room on the disk");
    let error = Identity::load(&folder).expect_err("no anchor");
    assert!(matches!(error, IdentityError::Anchor { source: Error::Json(_), .. }), "{error}");
    fs::write(folder.join("key.pem"), "a key").expect("room on the disk");
    let error = Identity::load(&folder).expect_err("no key");
    assert!(matches!(error, IdentityError::Key { source: KeyFileError::Pem(_), .. }), "{error}");
}

#[test]
fn a_fingerprint_learns_the_key_behind_it() {
    let key = key_pair(1);
    let text = certificate(CA, "alice", key.public(), valid());
    let bare = Anchor::from_fingerprint(trust().fingerprint());
    let key = KeyPair::from_secret(key.secret().clone());
    let alice = Identity::new(key, text, bare, Now::Exact(now())).expect("the right fingerprint");
    assert_eq!(*alice.anchor(), trust());
}

#[test]
fn anchors_are_read_from_both_kinds_of_file() {
    let around = tempfile::tempdir().expect("a folder");
    let file = around.path().join("anchor");
    let (mut json, mut pem) = ([0; 2048], [0; 2048]);
    fs::write(&file, trust().encode(&mut json).expect("room")).expect("room on the disk");
    assert_eq!(read_anchor(&file).expect("an anchor"), trust());

    fs::write(&file, public(CA).write_spki_pem(&mut pem).expect("room")).expect("room on the disk");
    assert_eq!(read_anchor(&file).expect("a key"), Anchor::from_fingerprint(trust().fingerprint()));

    fs::write(&file, "{\"fingerprint_sha256\":\"00\"}").expect("room on the disk");
    assert!(matches!(read_anchor(&file), Err(AnchorError::Json { source: Error::AnchorFingerprint, .. })));
    fs::write(&file, "neither").expect("room on the disk");
    assert!(matches!(read_anchor(&file), Err(AnchorError::Pem { .. })));
    fs::remove_file(&file).expect("it is there");
    assert!(matches!(read_anchor(&file), Err(AnchorError::Io { .. })));
}
