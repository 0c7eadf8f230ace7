//! The CA folder: its files, their permissions, and the refusals.

use std::fs;
use std::path::{Path, PathBuf};

use minipki_core::crypto::rsa::{KeySize, PublicKey, SaltLength};
use minipki_core::keys::Fingerprint;
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::SIZES;
use minipki_keys::{CaFolder, FolderError, SignerKind};
use minipki_server::state::{self, StateError};
use minipki_tests::advice;
use minipki_tests::ca::{chmod, id, mode, openssl_key};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::client_folder::names;

const FILES: [&str; 4] = ["anchor.json", "ca-key.pem", "ca-public.pem", "ledger.sqlite"];

fn place() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().expect("a folder");
    let path = parent.path().join("ca");
    (parent, path)
}

fn create(path: &Path) -> Result<CaFolder, FolderError> {
    match state::create(path, id("ca.example"), KeySize::Bits2048) {
        Ok(created) => Ok(created.folder),
        Err(StateError::Folder(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_new_folder_opens_again_and_openssl_reads_its_keys() {
    for size in SIZES {
        let (_parent, path) = place();
        let made = state::create(&path, id("ca.example"), size).expect("created").folder;
        let opened = CaFolder::open(&path).expect("opened");
        assert_eq!(opened.issuer_id().as_str(), "ca.example");
        assert_eq!(opened.fingerprint(), made.fingerprint());

        let key_file = path.join("ca-key.pem").to_str().expect("text").to_owned();
        openssl(&["pkey", "-in", &key_file, "-noout", "-check"], b"");
        let public = openssl(&["pkey", "-in", &key_file, "-pubout"], b"");
        assert_eq!(fs::read(path.join("ca-public.pem")).expect("a file"), public);
        let der = openssl(&["pkey", "-in", &key_file, "-pubout", "-outform", "DER"], b"");
        assert_eq!(made.fingerprint(), Fingerprint(Sha256::digest(der).into()));

        for kind in [SignerKind::Aws, SignerKind::Portable] {
            let mut signer = opened.signer(kind).expect("the key can be read");
            assert_eq!(signer.public_key().size(), size);
            let signatures =
                signer.sign_many(minipki_ca::SignatureAlgorithm::RsaPss, &[b"text"]).expect("signed");
            let public = <PublicKey>::from_spki_pem(&public).expect("our own format");
            let digest = Sha256::digest(b"text").into();
            public
                .verify_pss(&digest, signatures[0].as_bytes(), SaltLength::Exactly(size.max_salt()))
                .expect("the folder's key signs");
        }
    }
}

#[test]
fn nobody_else_can_read_the_key() {
    let (_parent, path) = place();
    create(&path).expect("created");
    assert_eq!(names(&path), FILES);
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("ca-key.pem")), 0o600);
    assert_eq!(mode(&path.join("ledger.sqlite")), 0o600);
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let (_parent, path) = place();
    create(&path).expect("created");
    let before: Vec<_> = FILES.map(|name| fs::read(path.join(name)).expect("a file")).into();
    assert!(matches!(create(&path), Err(FolderError::Exists(_))));
    let after: Vec<_> = FILES.map(|name| fs::read(path.join(name)).expect("a file")).into();
    assert_eq!(before, after);

    // A file in place of the folder, and a folder with other files.
    let (parent, path) = place();
    fs::write(&path, "mine").expect("written");
    assert!(matches!(create(&path), Err(FolderError::Exists(_))));
    assert_eq!(fs::read(&path).expect("a file"), b"mine");
    let refused = create(parent.path()).expect_err("the folder has another file");
    assert!(matches!(refused, FolderError::Exists(_)), "{refused}");
}

#[test]
fn an_empty_private_folder_is_accepted() {
    let (_parent, path) = place();
    fs::create_dir(&path).expect("made");
    chmod(&path, 0o755);
    let refused = create(&path).expect_err("others may read it");
    assert!(advice(&refused).contains("chmod 700"), "{refused}");
    assert_eq!(names(&path), [""; 0]);
    chmod(&path, 0o700);
    create(&path).expect("taken");
}

#[test]
fn a_folder_without_parent_is_not_made() {
    let (_parent, path) = place();
    assert!(matches!(create(&path.join("below")), Err(FolderError::Io { .. })));
}

#[test]
fn an_interrupted_creation_leaves_nothing_that_could_issue_and_is_continued() {
    // The files are made in this order, so a crash leaves these states.
    let order = ["ledger.sqlite", "ca-key.pem", "ca-public.pem", "anchor.json"];
    for last in 0..order.len() {
        let (_parent, path) = place();
        let fingerprint = create(&path).expect("created").fingerprint();
        for name in &order[last..] {
            fs::remove_file(path.join(name)).expect("removed");
        }
        let refused = CaFolder::open(&path).expect_err("the folder is incomplete");
        assert!(advice(&refused).contains(&format!("--dir {}", path.display())), "{refused}");
        let again = create(&path).expect("continued");
        // Reading the ledger can leave its other files.
        let is_other = |name: &String| name.starts_with("ledger.sqlite-");
        let made: Vec<_> = names(&path).into_iter().filter(|name| !is_other(name)).collect();
        assert_eq!(made, FILES);
        // An existing key stays.
        assert_eq!(again.fingerprint() == fingerprint, last > 1);
        again.signer(SignerKind::Aws).expect("a whole CA");
    }
}

#[test]
fn files_that_no_interrupted_creation_left_are_kept() {
    // A CA with a lost ledger may have issued certificates.
    let (_parent, path) = place();
    create(&path).expect("created");
    for name in ["ledger.sqlite", "anchor.json"] {
        fs::remove_file(path.join(name)).expect("removed");
    }
    let key = fs::read(path.join("ca-key.pem")).expect("a file");
    let refused = create(&path).expect_err("a key alone");
    assert!(matches!(refused, FolderError::KeyAlone(_)), "{refused}");
    assert_eq!(fs::read(path.join("ca-key.pem")).expect("a file"), key);

    // An unfinished CA is completed only with the same name and key size.
    let (_parent, path) = place();
    create(&path).expect("created");
    fs::remove_file(path.join("anchor.json")).expect("removed");
    for (name, size) in [("other", KeySize::Bits2048), ("ca.example", KeySize::Bits3072)] {
        let refused = state::create(&path, id(name), size).err().expect("another CA");
        assert!(advice(&refused).contains("--issuer-id ca.example --bits 2048"), "{refused}");
    }

    // A ledger with a reserved serial number and a lost key.
    fs::remove_file(path.join("ca-key.pem")).expect("removed");
    rusqlite::Connection::open(path.join("ledger.sqlite"))
        .and_then(|ledger| ledger.execute("INSERT INTO reserved (serial) VALUES (?1)", [[1; 20]]))
        .expect("as a CA reserves one");
    let before = fs::read(path.join("ledger.sqlite")).expect("a file");
    assert!(state::create(&path, id("ca.example"), KeySize::Bits2048).is_err());
    assert_eq!(fs::read(path.join("ledger.sqlite")).expect("a file"), before);
}

#[test]
fn a_damaged_anchor_is_refused() {
    let (_parent, path) = place();
    create(&path).expect("created");
    fs::write(path.join("anchor.json"), "").expect("cut");
    assert!(matches!(CaFolder::open(&path), Err(FolderError::Anchor { .. })));
}

#[test]
fn a_key_that_others_can_reach_is_refused_with_the_command_that_repairs_it() {
    let (_parent, path) = place();
    let folder = create(&path).expect("created");
    let key = path.join("ca-key.pem");
    for wrong in [0o640, 0o604, 0o620, 0o611] {
        chmod(&key, wrong);
        let refused = CaFolder::open(&path).expect_err("the key is open");
        assert!(refused.to_string().contains(&format!("{wrong:04o}")), "{refused}");
        assert!(advice(&refused).contains(&format!("chmod 600 {}", key.display())), "{refused:?}");
        // The mode is also checked if the folder was opened before.
        assert!(matches!(folder.signer(SignerKind::Aws), Err(FolderError::Mode { .. })));
    }
    chmod(&key, 0o400);
    folder.signer(SignerKind::Aws).expect("its owner may read it, and that is enough");
    chmod(&path, 0o750);
    let refused = CaFolder::open(&path).expect_err("the folder is open");
    assert!(advice(&refused).contains(&format!("chmod 700 {}", path.display())), "{refused}");
}

#[test]
fn a_key_that_is_not_the_anchors_is_refused() {
    let (_parent, path) = place();
    let folder = create(&path).expect("created");
    fs::write(path.join("ca-key.pem"), openssl_key(KeySize::Bits2048)).expect("swapped");
    for kind in [SignerKind::Aws, SignerKind::Portable] {
        let refused = folder.signer(kind).err().expect("another key").to_string();
        assert!(refused.contains(&folder.fingerprint().to_string()), "{refused}");
    }
    fs::write(path.join("ca-key.pem"), "no key").expect("spoiled");
    assert!(matches!(folder.signer(SignerKind::Aws), Err(FolderError::Key { .. })));
}
