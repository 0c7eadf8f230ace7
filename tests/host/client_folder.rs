//! The identity folder: whole or not at all, nothing overwritten, nothing believed unchecked.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use minipki_client::{
    AnchorError, ClientError, Identity, IdentityError, IdentityFolder, PendingIdentity, read_anchor,
};
use minipki_core::cert::{Anchor, Error, Id};
use minipki_core::crypto::KeyPair;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::keys::KeyFileError;
use minipki_core::time::Now;
use minipki_core::wire::Code;
use minipki_fixtures::certificates::anchor;
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::public;
use minipki_provider::HostProvider;
use minipki_tests::ca::{chmod, mode};
use minipki_tests::peers::{CA, OTHER_CA, certificate, expired, identity, key_pair, now, trust, valid};
use tempfile::TempDir;

/// A folder that holds the identity of `subject`, in one that goes away.
fn kept(subject: &str) -> (TempDir, PathBuf, Identity) {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let pending = pending(begin(&folder, subject));
    let identity = granted(&pending, subject);
    pending.keep(&identity).expect("room on the disk");
    (around, folder, identity)
}

fn begin(folder: &Path, subject: &str) -> Result<IdentityFolder, IdentityError> {
    begin_at(CA, folder, subject)
}

fn begin_at(ca: KeySize, folder: &Path, subject: &str) -> Result<IdentityFolder, IdentityError> {
    let subject = Id::new(subject).expect("a name");
    IdentityFolder::begin(HostProvider::default(), folder, subject, &anchor(ca))
}

fn pending(begun: Result<IdentityFolder, IdentityError>) -> PendingIdentity {
    match begun {
        Ok(IdentityFolder::Pending(pending)) => pending,
        other => panic!("a folder to enrol into, and not {other:?}"),
    }
}

/// What a CA makes of the folder's key.
fn granted(pending: &PendingIdentity, subject: &str) -> Identity {
    let text = certificate(CA, subject, pending.key().public(), valid());
    Identity::new(pending.key().clone(), text, trust(), Now::Exact(now())).expect("a good certificate")
}

/// The names in a folder, in order.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn what_is_kept_is_loaded() {
    let (around, folder, alice) = kept("alice");
    assert_eq!(names(around.path()), ["id"], "nothing else is left");
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem"]);
    assert_eq!((mode(&folder), mode(&folder.join("key.pem"))), (0o700, 0o600));
    assert_eq!(fs::read(folder.join("certificate.json")).expect("it is there"), alice.certificate());

    let loaded = Identity::load(HostProvider::default(), &folder).expect("as it was kept");
    assert_eq!(loaded.key().public(), alice.key().public());
    assert_eq!(loaded.certificate(), alice.certificate());
    assert_eq!(loaded.anchor(), alice.anchor());
    assert_eq!(loaded.subject_id().as_str(), "alice");
}

#[test]
fn openssl_reads_the_key() {
    let (_around, folder, alice) = kept("alice");
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
        let error = begin(&path, "alice").expect_err("something is there");
        assert!(matches!(error, IdentityError::Exists(_)), "{error}");
    }
    assert_eq!(names(around.path()), ["file", "link"], "nothing else is left");

    // A file that has the key's name, and is none.
    let folder = around.path().join("id");
    fs::create_dir(&folder).expect("nothing is there");
    fs::write(folder.join("key.pem"), "mine").expect("room on the disk");
    chmod(&folder.join("key.pem"), 0o600);
    let error = begin(&folder, "alice").expect_err("something is there");
    assert!(matches!(error, IdentityError::Exists(_)), "{error}");
    assert_eq!(fs::read(folder.join("key.pem")).expect("it is there"), b"mine");
}

#[test]
fn an_empty_folder_or_a_new_file_system_may_be_there() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    fs::create_dir(&folder).expect("nothing is there");
    fs::create_dir(folder.join("lost+found")).expect("nothing is there");
    chmod(&folder, 0o755);
    let pending = pending(begin(&folder, "alice"));
    let alice = granted(&pending, "alice");
    pending.keep(&alice).expect("room on the disk");
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem", "lost+found"]);
    assert_eq!(mode(&folder), 0o755, "it is its owner's");
    Identity::load(HostProvider::default(), &folder).expect("as it was kept");
}

#[test]
fn an_enrolment_goes_on_with_its_key_for_the_same_subject_and_ca_only() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let first = pending(begin(&folder, "alice"));
    assert!(!first.resumed());
    let key = *first.key().public();
    // Two at once.
    let error = begin(&folder, "alice").expect_err("one is at work");
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

    // Finished: the same is no error, and nothing else is taken for it.
    match begin(&folder, "alice") {
        Ok(IdentityFolder::Enrolled(found)) => assert_eq!(found.certificate(), alice.certificate()),
        other => panic!("{other:?}"),
    }
    other(begin(&folder, "bob"));
    other(begin_at(OTHER_CA, &folder, "alice"));
}

#[test]
fn what_a_stopped_try_has_left_is_used_or_removed() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    fs::create_dir(&folder).expect("nothing is there");
    // Before there is a key, what is torn says nothing.
    fs::write(folder.join("enrolment.json"), "{\"fingerprint_sha2").expect("room on the disk");
    fs::write(folder.join("key.pem.new"), "-----BEGIN PRI").expect("room on the disk");
    fs::write(folder.join("certificate.json.new"), " ").expect("room on the disk");
    let first = pending(begin(&folder, "alice"));
    assert!(!first.resumed());
    let alice = granted(&first, "alice");
    drop(first);

    // Stopped after the anchor, and after the certificate.
    let (_other, whole, _) = kept("bob");
    fs::copy(whole.join("anchor.json"), folder.join("anchor.json")).expect("room on the disk");
    assert!(pending(begin(&folder, "alice")).resumed());
    fs::write(folder.join("certificate.json"), alice.certificate()).expect("room on the disk");
    assert!(matches!(begin(&folder, "alice"), Ok(IdentityFolder::Enrolled(_))));
    assert_eq!(names(&folder), ["anchor.json", "certificate.json", "key.pem"]);
}

#[test]
fn what_is_left_of_an_identity_is_neither_overwritten_nor_taken_for_another_cas() {
    let (_around, folder, alice) = kept("alice");
    let (anchor_file, certificate_file) = (folder.join("anchor.json"), folder.join("certificate.json"));
    let elsewhere = || begin_at(OTHER_CA, &folder, "alice");
    // The anchor is left.
    fs::remove_file(&certificate_file).expect("it is there");
    let error = elsewhere().expect_err("another CA's");
    assert!(matches!(error, IdentityError::OtherAnchor { .. }), "{error}");
    let again = pending(begin(&folder, "alice"));
    assert_eq!((again.resumed(), again.key().public()), (true, alice.key().public()));
    // A name that was wrong is not held to.
    let refused = ClientError::Refused { code: Code::SubjectTaken, text: String::new() };
    again.fail(&refused);
    pending(begin(&folder, "alicia")).fail(&refused);
    pending(begin(&folder, "alice")).keep(&alice).expect("room on the disk");

    // The certificate is left.
    fs::remove_file(&anchor_file).expect("it is there");
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
fn a_refused_try_leaves_the_key_for_another_name_unless_an_earlier_one_may_have_been_granted() {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let refused = |code| ClientError::Refused { code, text: String::new() };
    let first = pending(begin(&folder, "alice-of-the-third-floor"));
    let key = *first.key().public();
    first.fail(&refused(Code::SubjectTaken));
    // Shorter than what is written over.
    let second = pending(begin(&folder, "al"));
    assert!(second.resumed());
    second.fail(&refused(Code::ProofFailed));

    // A busy CA may have recorded a certificate.
    pending(begin(&folder, "alice")).fail(&refused(Code::Busy));
    let third = pending(begin(&folder, "alice"));
    assert_eq!(*third.key().public(), key);
    third.fail(&refused(Code::ProofFailed));
    let error = begin(&folder, "bob").expect_err("alice may have been granted");
    assert!(matches!(error, IdentityError::Other { .. }), "{error}");
}

#[test]
fn a_folder_without_a_place_is_refused() {
    let around = tempfile::tempdir().expect("a folder");
    let error = begin(&around.path().join("no/such"), "alice").expect_err("its place does not exist");
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
}

#[test]
fn what_others_may_change_is_refused_with_advice() {
    let (around, folder, _) = kept("alice");
    for (path, open, sound) in [
        (folder.clone(), 0o770, 0o700),
        (folder.clone(), 0o1777, 0o700),
        (folder.join("anchor.json"), 0o664, 0o644),
        (folder.join("certificate.json"), 0o646, 0o444),
    ] {
        chmod(&path, open);
        let error = Identity::load(HostProvider::default(), &folder).expect_err("others may change it");
        let expected = format!("chmod go-w {}", path.display());
        assert!(error.to_string().contains(&expected), "{error}");
        assert!(matches!(error, IdentityError::Writable { path: it, mode } if it == path && mode == open));
        chmod(&path, sound);
        Identity::load(HostProvider::default(), &folder).expect("nobody else may change it");
    }
    let empty = around.path().join("empty");
    fs::create_dir(&empty).expect("nothing is there");
    chmod(&empty, 0o777);
    let error = begin(&empty, "alice").expect_err("others may change it");
    assert!(matches!(error, IdentityError::Writable { .. }), "{error}");
    assert!(names(&empty).is_empty(), "no key was made");
}

#[test]
fn a_pipe_or_a_folder_in_place_of_a_key_is_refused_at_once() {
    let (around, folder, _) = kept("alice");
    let path = folder.join("key.pem");
    fs::remove_file(&path).expect("it is there");
    // Opening a pipe would wait for ever.
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
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("nothing is there");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("no file");
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
}

/// The name of the lock may be taken by a pipe, by a file that has a second name, or by a file of somebody else.
#[test]
fn what_is_not_a_lock_of_an_enrolment_is_left_alone() {
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
        let error = begin(&around.path().join(folder), "alice").expect_err("something is in the way");
        assert!(matches!(error, IdentityError::Exists(_)), "{folder}: {error}");
    }
    assert_eq!(fs::read(around.path().join("file")).expect("still there"), b"precious\n");
    assert_eq!(fs::read(around.path().join("foreign/enrolment.json")).expect("still there"), b"{\"my\":1}\n");
}

#[test]
fn a_key_that_others_may_read_is_refused_with_advice() {
    let (_around, folder, _) = kept("alice");
    for open in [0o640, 0o604, 0o620] {
        chmod(&folder.join("key.pem"), open);
        let error = Identity::load(HostProvider::default(), &folder).expect_err("others have access");
        assert!(matches!(error, IdentityError::Mode { mode, .. } if mode == open), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let bob = identity("bob");
    let (_around, folder, alice) = kept("alice");
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
    let error = Identity::load(HostProvider::default(), &folder).expect_err("it has expired");
    assert!(matches!(error, IdentityError::OutOfTime(_)), "{error}");
    assert!(error.to_string().starts_with("this machine's clock shows"), "{error}");

    fs::write(&file, alice.certificate()).expect("room on the disk");
    Identity::load(HostProvider::default(), &folder).expect("as it was");
    fs::remove_file(&file).expect("it is there");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("a file is missing");
    assert!(matches!(&error, IdentityError::Missing(path) if *path == file), "{error}");
}

#[test]
fn a_key_or_an_anchor_that_cannot_be_read_is_refused() {
    let (_around, folder, _) = kept("alice");
    fs::write(folder.join("anchor.json"), "{}").expect("room on the disk");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("no anchor");
    assert!(matches!(error, IdentityError::Anchor { source: Error::Json(_), .. }), "{error}");
    fs::write(folder.join("key.pem"), "a key").expect("room on the disk");
    let error = Identity::load(HostProvider::default(), &folder).expect_err("no key");
    assert!(matches!(error, IdentityError::Key { source: KeyFileError::Pem(_), .. }), "{error}");
}

#[test]
fn a_fingerprint_learns_the_key_behind_it() {
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
    assert!(matches!(read_anchor(&file), Err(AnchorError::Pem { .. })));
    fs::remove_file(&file).expect("it is there");
    assert!(matches!(read_anchor(&file), Err(AnchorError::Io { .. })));
}
