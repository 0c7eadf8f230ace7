//! The identity folder: a new, continued or finished enrolment. Existing files are never overwritten.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use minipki_client::{
    AnchorError, ClientError, Identity, IdentityError, IdentityFolder, PendingIdentity, read_anchor,
};
use minipki_core::cert::{Anchor, Error, Id};
use minipki_core::crypto::KeyPair;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::time::Now;
use minipki_core::wire::Code;
use minipki_fixtures::certificates::anchor;
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::public;
use minipki_provider::HostProvider;
use minipki_tests::ca::{chmod, mode};
use minipki_tests::peers::{CA, OTHER_CA, certificate, key_pair, now, trust, valid};
use tempfile::TempDir;

/// A temporary folder, the folder of an identity in it, and the identity.
pub(super) fn stored(subject: &str) -> (TempDir, PathBuf, Identity) {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let pending = pending(begin(&folder, subject));
    let identity = granted(&pending, subject);
    pending.keep(&identity).expect("room on the disk");
    (around, folder, identity)
}

pub(super) fn begin(folder: &Path, subject: &str) -> Result<IdentityFolder, IdentityError> {
    begin_at(CA, folder, subject)
}

fn begin_at(ca: KeySize, folder: &Path, subject: &str) -> Result<IdentityFolder, IdentityError> {
    let subject = Id::new(subject).expect("a name");
    IdentityFolder::begin(HostProvider::default(), folder, subject, &anchor(ca))
}

fn pending(begun: Result<IdentityFolder, IdentityError>) -> PendingIdentity {
    match begun {
        Ok(IdentityFolder::Pending(pending)) => pending,
        other => panic!("no pending enrolment: {other:?}"),
    }
}

/// The identity after a CA has certified the folder's key.
fn granted(pending: &PendingIdentity, subject: &str) -> Identity {
    let text = certificate(CA, subject, pending.key().public(), valid());
    Identity::new(pending.key().clone(), text, trust(), Now::Exact(now())).expect("a good certificate")
}

/// The sorted names in a folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_stored_identity_is_loaded() {
    let (around, folder, alice) = stored("alice");
    assert_eq!(names(around.path()), ["id"], "nothing else is left");
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem"]);
    assert_eq!((mode(&folder), mode(&folder.join("key.pem"))), (0o700, 0o600));
    assert_eq!(fs::read(folder.join("certificate.json")).expect("the file exists"), alice.certificate());

    let loaded = Identity::load(HostProvider::default(), &folder).expect("the stored identity");
    assert_eq!(loaded.key().public(), alice.key().public());
    assert_eq!(loaded.certificate(), alice.certificate());
    assert_eq!(loaded.anchor(), alice.anchor());
    assert_eq!(loaded.subject_id().as_str(), "alice");
}

#[test]
fn openssl_reads_the_key() {
    let (_around, folder, alice) = stored("alice");
    let path = folder.join("key.pem");
    let path = path.to_str().expect("text");
    let der = openssl(&["pkey", "-in", path, "-pubout", "-outform", "DER"], b"");
    assert!(der.ends_with(alice.key().public().as_bytes()), "the public key that openssl computes");
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
    for path in [file, link, PathBuf::from("..")] {
        let error = begin(&path, "alice").expect_err("the name is in use");
        assert!(matches!(error, IdentityError::Exists(_)), "{error}");
    }
    assert_eq!(names(around.path()), ["file", "link"], "nothing else is left");

    // A file with the name of the key that is no key.
    let folder = around.path().join("id");
    fs::create_dir(&folder).expect("a new folder");
    fs::write(folder.join("key.pem"), "mine").expect("room on the disk");
    chmod(&folder.join("key.pem"), 0o600);
    let error = begin(&folder, "alice").expect_err("the name is in use");
    assert!(matches!(error, IdentityError::Exists(_)), "{error}");
    assert_eq!(fs::read(folder.join("key.pem")).expect("the file exists"), b"mine");
}

#[test]
fn an_empty_folder_or_a_new_file_system_may_be_there() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    fs::create_dir(&folder).expect("a new folder");
    fs::create_dir(folder.join("lost+found")).expect("a new folder");
    chmod(&folder, 0o755);
    let pending = pending(begin(&folder, "alice"));
    let alice = granted(&pending, "alice");
    pending.keep(&alice).expect("room on the disk");
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem", "lost+found"]);
    assert_eq!(mode(&folder), 0o755, "the mode is not changed");
    Identity::load(HostProvider::default(), &folder).expect("the stored identity");
}

#[test]
fn an_enrolment_continues_with_its_key_only_for_the_same_subject_and_ca() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let first = pending(begin(&folder, "alice"));
    assert!(!first.resumed());
    let key = *first.key().public();
    // A second enrolment at the same time.
    let error = begin(&folder, "alice").expect_err("another enrolment is running");
    assert!(matches!(error, IdentityError::Busy(_)), "{error}");
    drop(first);

    let error = Identity::load(HostProvider::default(), &folder).expect_err("no certificate");
    assert!(matches!(error, IdentityError::Unfinished(_)), "{error}");
    let other = |begun: Result<IdentityFolder, IdentityError>| {
        let error = begun.expect_err("not the same");
        assert!(matches!(error, IdentityError::Other { .. }), "{error}");
        assert!(error.to_string().contains("of alice, at the CA"), "{error}");
    };
    other(begin(&folder, "bob"));
    other(begin_at(OTHER_CA, &folder, "alice"));

    let again = pending(begin(&folder, "alice"));
    assert!(again.resumed());
    assert_eq!(*again.key().public(), key);
    let alice = granted(&again, "alice");
    again.keep(&alice).expect("room on the disk");

    // A finished enrolment can be repeated, but not for another subject or CA.
    match begin(&folder, "alice") {
        Ok(IdentityFolder::Enrolled(found)) => assert_eq!(found.certificate(), alice.certificate()),
        other => panic!("{other:?}"),
    }
    other(begin(&folder, "bob"));
    other(begin_at(OTHER_CA, &folder, "alice"));
}

#[test]
fn files_of_a_stopped_enrolment_are_used_or_removed() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    fs::create_dir(&folder).expect("a new folder");
    // Incomplete files before the key exists are ignored.
    fs::write(folder.join("enrolment.json"), "{\"fingerprint_sha2").expect("room on the disk");
    fs::write(folder.join("key.pem.new"), "-----BEGIN PRI").expect("room on the disk");
    fs::write(folder.join("certificate.json.new"), " ").expect("room on the disk");
    let first = pending(begin(&folder, "alice"));
    assert!(!first.resumed());
    let alice = granted(&first, "alice");
    drop(first);

    // An enrolment that stopped after the anchor, and one that stopped after the certificate.
    let (_other, whole, _) = stored("bob");
    fs::copy(whole.join("anchor.json"), folder.join("anchor.json")).expect("room on the disk");
    assert!(pending(begin(&folder, "alice")).resumed());
    fs::write(folder.join("certificate.json"), alice.certificate()).expect("room on the disk");
    assert!(matches!(begin(&folder, "alice"), Ok(IdentityFolder::Enrolled(_))));
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem"]);
}

#[test]
fn the_remaining_files_of_an_identity_are_not_overwritten_or_used_for_another_ca() {
    let (_around, folder, alice) = stored("alice");
    let (anchor_file, certificate_file) = (folder.join("anchor.json"), folder.join("certificate.json"));
    let elsewhere = || begin_at(OTHER_CA, &folder, "alice");
    // The anchor remains.
    fs::remove_file(&certificate_file).expect("the file exists");
    let error = elsewhere().expect_err("another CA's");
    assert!(matches!(error, IdentityError::OtherAnchor { .. }), "{error}");
    let again = pending(begin(&folder, "alice"));
    assert_eq!((again.resumed(), again.key().public()), (true, alice.key().public()));
    // After a refused name, another name is permitted.
    let refused = ClientError::Refused { code: Code::SubjectTaken, text: String::new() };
    again.fail(&refused);
    pending(begin(&folder, "alicia")).fail(&refused);
    pending(begin(&folder, "alice")).keep(&alice).expect("room on the disk");

    // The certificate remains.
    fs::remove_file(&anchor_file).expect("the file exists");
    let error = elsewhere().expect_err("another CA's");
    assert!(matches!(error, IdentityError::Certificate { .. }), "{error}");
    assert!(matches!(begin(&folder, "bob"), Err(IdentityError::Other { .. })));
    fs::write(&certificate_file, certificate(CA, "alice", key_pair(9).public(), valid())).expect("written");
    let error = begin(&folder, "alice").expect_err("for another key");
    assert!(matches!(error, IdentityError::Certificate { .. }), "{error}");
    fs::write(&certificate_file, alice.certificate()).expect("written");
    match begin(&folder, "alice") {
        Ok(IdentityFolder::Enrolled(found)) => assert_eq!(found.certificate(), alice.certificate()),
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem"]);
    Identity::load(HostProvider::default(), &folder).expect("whole");
}

#[test]
fn a_refused_enrolment_frees_the_key_for_another_name_unless_a_certificate_may_exist() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let refused = |code| ClientError::Refused { code, text: String::new() };
    let first = pending(begin(&folder, "alice-of-the-third-floor"));
    let key = *first.key().public();
    first.fail(&refused(Code::SubjectTaken));
    // This name is shorter than the overwritten one.
    let second = pending(begin(&folder, "al"));
    assert!(second.resumed());
    second.fail(&refused(Code::ProofFailed));

    // A CA that is busy may have recorded a certificate.
    pending(begin(&folder, "alice")).fail(&refused(Code::Busy));
    let third = pending(begin(&folder, "alice"));
    assert_eq!(*third.key().public(), key);
    third.fail(&refused(Code::ProofFailed));
    let error = begin(&folder, "bob").expect_err("alice may have a certificate");
    assert!(matches!(error, IdentityError::Other { .. }), "{error}");
}

#[test]
fn a_folder_without_a_parent_is_refused() {
    let around = tempfile::tempdir().expect("a folder");
    let error = begin(&around.path().join("no/such"), "alice").expect_err("the parent does not exist");
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
}

#[test]
fn an_anchor_with_only_a_fingerprint_gets_the_key() {
    let key = key_pair(1);
    let text = certificate(CA, "alice", key.public(), valid());
    let bare = Anchor::from_fingerprint(trust().fingerprint());
    let key = KeyPair::from_secret(HostProvider::default(), key.secret().clone());
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
    assert!(matches!(read_anchor(&file), Err(AnchorError::Other(_))));
    let damaged = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    fs::write(&file, damaged).expect("room on the disk");
    assert!(matches!(read_anchor(&file), Err(AnchorError::Pem { .. })));
    fs::remove_file(&file).expect("the file exists");
    assert!(matches!(read_anchor(&file), Err(AnchorError::Io { .. })));
}
