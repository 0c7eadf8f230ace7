//! Revocation numbers after a loss of the ledger, and the check of revocations that were changed from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use minipki_ca::ports::{
    CertificateFormat, LedgerReader, NewCertificate, Recorder, RevocationBook, RevocationChange, Storage,
};
use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial, Validity};
use minipki_ledger::{
    Accept, FILE, Owner, Restoring, SqliteLedger, SqliteReader, SqliteStorage, StoreError, snapshot,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> UnixTime {
    UnixTime::new(seconds).expect("a time")
}

fn owner() -> Owner {
    Owner { issuer_id: "ca".parse().expect("a name"), fingerprint: Fingerprint([1; 32]) }
}

fn new_folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    minipki_ledger::create(folder.path(), &owner()).expect("made");
    folder
}

fn open(folder: &Path, accept: Accept) -> Result<SqliteLedger<ChaCha20Rng>, StoreError> {
    SqliteLedger::open_with(folder, &owner(), accept, ChaCha20Rng::seed_from_u64(1))
}

fn issue(ledger: &mut SqliteLedger<ChaCha20Rng>) -> Serial {
    let name: IdBuf = "a".parse().expect("a name");
    let serial = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    let new = NewCertificate {
        serial,
        subject_id: name.as_id(),
        subject_key: &[1; 32],
        validity: Validity::new(at(NOW), at(NOW + 9)).expect("in order"),
        format: CertificateFormat::Json,
        certificate: b"{}",
        token: None,
        renews: None,
        supersede: false,
        lifetime: None,
        request: None,
    };
    ledger.record(&[new], at(NOW)).expect("recorded");
    serial
}

/// Revokes a new certificate. Returns the number of this change.
fn revoke_one(ledger: &mut SqliteLedger<ChaCha20Rng>) -> u64 {
    let change = RevocationChange::new(issue(ledger), RevocationReason::Unspecified, "x");
    ledger.revoke(&[change], at(NOW)).expect("written").remove(0).expect("revoked").record.number
}

#[test]
fn a_restored_ledger_skips_the_numbers_that_the_lost_one_may_have_used() {
    let folder = new_folder();
    let path = folder.path();
    let mut ledger = open(path, Accept::default()).expect("opened");
    assert_eq!(revoke_one(&mut ledger), 1);
    let mut backup = snapshot(path, &owner(), &path.join("copy"), at(NOW)).expect("backed up");
    assert_eq!(revoke_one(&mut ledger), 2);
    drop(ledger);
    let restoring = path.join("restoring");
    std::io::copy(&mut backup, &mut fs::File::create(&restoring).expect("a file")).expect("copied");
    fs::set_permissions(&restoring, fs::Permissions::from_mode(0o600)).expect("changed");
    let restored = Restoring::prepare(path, &restoring, &owner(), at(NOW), true).expect("sound");
    restored.install().expect("in its place");
    let mut ledger = open(path, Accept::default()).expect("opened");
    assert_eq!(revoke_one(&mut ledger), 1_000_002);
    assert_eq!(revoke_one(&mut ledger), 1_000_003);
}

#[test]
fn an_older_copy_without_a_revocation_is_detected_and_skips_numbers_if_it_is_accepted() {
    let folder = new_folder();
    let path = folder.path();
    drop(open(path, Accept::default()).expect("opened"));
    let mut ledger = open(path, Accept::default()).expect("opened");
    let serial = issue(&mut ledger);
    let older = ["", "-wal"].map(|suffix| fs::read(path.join(format!("{FILE}{suffix}"))).expect("a file"));
    let note = fs::read(path.join("last-start.json")).expect("a note");
    let change = RevocationChange::new(serial, RevocationReason::Unspecified, "x");
    ledger.revoke(&[change], at(NOW)).expect("written").remove(0).expect("revoked");
    let newer = fs::read(path.join("last-start.json")).expect("a note");
    drop(ledger);
    let put_back = |note: &[u8]| {
        for (suffix, content) in ["", "-wal"].iter().zip(&older) {
            let file = path.join(format!("{FILE}{suffix}"));
            fs::write(&file, content).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
        }
        fs::write(path.join("last-start.json"), note).expect("written");
    };
    // Only the note of the revocation differs: the newest certificate and the generation are the same.
    put_back(&newer);
    let refused = open(path, Accept::default()).err().expect("an older copy");
    assert!(matches!(refused, StoreError::NotTheLast { .. }), "{refused}");
    let accept = Accept { older_ledger: true, ..Accept::default() };
    assert_eq!(revoke_one(&mut open(path, accept).expect("accepted")), 1_000_001);
    // The same exception skips nothing for the ledger that was served last.
    put_back(&note);
    assert_eq!(revoke_one(&mut open(path, accept).expect("opened")), 1);
}

#[test]
fn an_empty_ledger_in_the_place_of_a_lost_one_begins_at_the_time() {
    let folder = new_folder();
    fs::remove_file(folder.path().join(FILE)).expect("removed");
    let accept = Accept { empty_ledger: true, ..Accept::default() };
    let mut ledger = open(folder.path(), accept).expect("made");
    assert!(revoke_one(&mut ledger) > 1_700_000_000);
    drop(ledger);
    let mut reader = SqliteReader::open(folder.path(), &owner()).expect("opened");
    assert!(reader.revocation_number().expect("read") > 1_700_000_000);
}

#[test]
fn a_change_from_outside_in_the_revocations_is_found() {
    let vector = Path::new("../../vectors/ledger/schema-4");
    let text = fs::read(vector.join("anchor.json")).expect("an anchor");
    let anchor: Anchor = Anchor::decode(Portable::new(), &text).expect("a good anchor");
    let owner =
        Owner { issuer_id: anchor.issuer_id().expect("a name").into(), fingerprint: anchor.fingerprint() };
    let changes = [
        ("SELECT 1", vec![]),
        ("DELETE FROM revoked WHERE id = 1", vec![1]),
        ("UPDATE revoked SET reason = 1 WHERE id = 1", vec![1]),
        ("UPDATE revoked SET revoked_at = 0 WHERE id = 1", vec![1]),
        ("UPDATE revoked SET serial = zeroblob(20) WHERE id = 1", vec![1]),
        ("UPDATE revoked SET subject_key = zeroblob(32) WHERE id = 1", vec![1]),
        ("DELETE FROM revocations WHERE certificate = 1", vec![1]),
        ("UPDATE revocations SET certificate = 99 WHERE certificate = 1", vec![1, 99]),
        ("INSERT INTO revocations VALUES (5, 99, 0, 0, '')", vec![99]),
        ("INSERT INTO revoked SELECT 3, serial, x'', 0, 0, 9, 0, 0 FROM certificates WHERE id = 3", vec![3]),
        ("UPDATE revocations SET reason = 6 WHERE number = 3", vec![2]),
        ("UPDATE instance SET revocation_number = 0", vec![1, 2]),
    ];
    for (sql, expected) in changes {
        let folder = TempDir::new().expect("a folder");
        for name in [FILE, "last-start.json"] {
            fs::copy(vector.join(name), folder.path().join(name)).expect("copied");
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o600))
                .expect("changed");
        }
        drop(SqliteLedger::open(folder.path(), &owner).expect("migrated"));
        let mut reader = SqliteReader::open(folder.path(), &owner).expect("opened");
        let page = minipki_ca::ports::Page { subject: None, after: 0, limit: 2 };
        let serials: Vec<_> =
            reader.list(page).expect("read").into_iter().map(|record| record.serial).collect();
        let storage = SqliteStorage { folder: folder.path().to_owned(), owner: owner.clone() };
        let mut book = storage.revocations(at(NOW)).expect("opened");
        // The first certificate is revoked, and a hold of the second was lifted.
        let changes = [
            (0, RevocationReason::CertificateHold),
            (1, RevocationReason::CertificateHold),
            (1, RevocationReason::RemoveFromHold),
        ];
        let changes = changes.map(|(index, reason)| RevocationChange::new(serials[index], reason, "x"));
        book.revoke(&changes, at(NOW)).expect("written");
        let connection = Connection::open(folder.path().join(FILE)).expect("opened");
        connection.pragma_update(None, "foreign_keys", false).expect("set");
        connection.execute_batch(sql).expect(sql);
        let mut bad = Vec::new();
        reader.verify_all(&anchor, |row| bad.push(row.id)).expect("read");
        bad.sort_unstable();
        bad.dedup();
        assert_eq!(bad, expected, "{sql}");
    }
}
