//! A ledger on the disk after a change of the CA's key: who can open it, what a backup has, and damaged rows.

use std::fs;
use std::path::Path;

use minipki_ca::ports::{
    AuditEntry, CertificateFormat, IssuerKey, Ledger, LedgerError, NewCertificate, Recorder, RevocationBook,
    RevocationChange, Storage,
};
use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, RevocationReason, Serial, Validity};
use minipki_ledger::{
    FILE, LastStart, Owner, SqliteLedger, SqliteRecorder, SqliteStorage, StoreError, issuer_keys_of,
    owner_of, snapshot,
};
use minipki_os::Failure;
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> UnixTime {
    UnixTime::new(seconds).expect("a time")
}

/// The CA with the key that has this number.
fn owner(byte: u8) -> Owner {
    Owner { issuer_id: "ca".parse().expect("a name"), fingerprint: Fingerprint([byte; 32]) }
}

fn new_folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    minipki_ledger::create(folder.path(), &owner(1)).expect("made");
    folder
}

fn open(folder: &Path, byte: u8) -> SqliteLedger {
    SqliteLedger::open(folder, &owner(byte)).expect("opened")
}

fn change_key(folder: &Path, from: u8, to: u8) {
    let key = IssuerKey {
        fingerprint: Fingerprint([to; 32]),
        not_before: at(NOW),
        update: Some(format!("{{\"key\":{to}}}").into_bytes()),
    };
    open(folder, from).change_key(&key, at(NOW)).expect("changed");
}

fn record(recorder: &mut dyn Recorder, count: usize) -> Result<Vec<Serial>, LedgerError> {
    let name: IdBuf = "a".parse().expect("a name");
    let serials = recorder.reserve(count, CertificateFormat::Json)?;
    let new = |serial: &Serial| NewCertificate {
        serial: *serial,
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
    let certificates: Vec<_> = serials.iter().map(new).collect();
    recorder.record(&certificates, at(NOW)).map(|()| serials)
}

#[test]
fn a_former_key_does_not_open_the_ledger_and_is_told_from_a_foreign_one() {
    let folder = new_folder();
    let path = folder.path();
    assert_eq!(issuer_keys_of(&path.join("nothing")).expect("read"), None);
    change_key(path, 1, 2);
    change_key(path, 2, 3);
    assert_eq!(owner_of(path).expect("read"), Some(owner(3)));
    let keys = issuer_keys_of(path).expect("read").expect("a ledger");
    assert_eq!(keys.iter().map(|key| key.fingerprint.0[0]).collect::<Vec<_>>(), [1, 2, 3]);
    for byte in [1, 2] {
        let storage = SqliteStorage { folder: path.to_owned(), owner: owner(byte) };
        let refused = SqliteLedger::open(path, &owner(byte)).err().expect("the key has changed");
        assert!(matches!(refused, StoreError::FormerKey { .. }) && !refused.needs_backup(), "{refused}");
        let all = [
            storage.reader().err(),
            storage.tokens().err(),
            storage.recorder(at(NOW)).err(),
            storage.revocations(at(NOW)).err(),
            storage.audit().err(),
        ];
        for refused in all {
            let Failure { seen, next } = Failure::from(&refused.expect("the key has changed"));
            assert!(seen.contains("the CA's key has changed to 0303"), "{seen}");
            let command = format!("minipki ca rollover --dir {} --finish", path.display());
            assert!(next.is_some_and(|next| next.contains(&command)), "{seen}");
        }
    }
    let other_name = Owner { issuer_id: "other".parse().expect("a name"), ..owner(1) };
    for foreign in [owner(9), other_name] {
        let refused = SqliteLedger::open(path, &foreign).err().expect("another CA");
        assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    }
    // It opens for the present key, with the note of the last start.
    let last = LastStart::read(path).expect("read").expect("a note");
    drop(open(path, 3));
    let next = LastStart::read(path).expect("read").expect("a note");
    assert_eq!((next.instance, next.generation), (last.instance, last.generation + 2));
}

#[test]
fn a_program_that_was_opened_before_a_change_of_the_key_records_nothing_by_the_earlier_key() {
    let folder = new_folder();
    let path = folder.path();
    let mut recorder = SqliteRecorder::open(path, &owner(1), at(NOW)).expect("opened");
    record(&mut recorder, 1).expect("recorded");
    change_key(path, 1, 2);
    let Err(LedgerError::Failed(refused)) = record(&mut recorder, 1) else { panic!("recorded") };
    assert!(refused.to_string().contains("the CA's key has changed"), "{refused}");
    let storage = SqliteStorage { folder: path.to_owned(), owner: owner(2) };
    assert_eq!(storage.reader().expect("opened").issued().expect("read"), 1);
    // An operator can revoke, and an act is in the audit log.
    storage.audit().expect("opened").append(&AuditEntry::new(at(NOW), "x", "y", "")).expect("appended");
}

#[test]
fn a_backup_for_a_former_key_is_refused() {
    let folder = new_folder();
    let path = folder.path();
    snapshot(path, &owner(1), &path.join("copy"), at(NOW)).expect("backed up");
    change_key(path, 1, 2);
    let refused = snapshot(path, &owner(1), &path.join("copy"), at(NOW)).expect_err("the key has changed");
    assert!(matches!(refused, StoreError::FormerKey { .. }), "{refused}");
    assert!(!path.join("copy").exists());
    snapshot(path, &owner(2), &path.join("copy"), at(NOW)).expect("backed up");
}

#[test]
fn an_older_copy_from_before_a_change_of_the_key_is_foreign() {
    let folder = new_folder();
    let path = folder.path();
    drop(open(path, 1));
    let older = fs::read(path.join(FILE)).expect("a ledger");
    change_key(path, 1, 2);
    fs::write(path.join(FILE), older).expect("written");
    let refused = SqliteLedger::open(path, &owner(2)).err().expect("an older copy");
    assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    // With the former key too, it is not the ledger that was served last.
    let refused = SqliteLedger::open(path, &owner(1)).err().expect("an older copy");
    assert!(matches!(refused, StoreError::NotTheLast { .. }), "{refused}");
}

#[test]
fn one_damaged_revocation_fails_only_its_own_serial_number() {
    let folder = new_folder();
    let path = folder.path();
    let mut ledger = open(path, 1);
    let serials = record(&mut ledger, 3).expect("recorded");
    let changes =
        [0, 1].map(|index| RevocationChange::new(serials[index], RevocationReason::Superseded, "x"));
    ledger.revoke(&changes, at(NOW)).expect("revoked");
    let connection = Connection::open(path.join(FILE)).expect("opened");
    connection.execute("UPDATE revoked SET reason = 99 WHERE id = 1", []).expect("changed");
    let (number, stated) = ledger.statuses(&serials).expect("read");
    assert_eq!(number, 2);
    assert!(matches!(stated[0], Err(LedgerError::Damaged(_))), "{stated:?}");
    let sound: Vec<_> = stated[1..].iter().map(|one| one.as_ref().expect("sound").status).collect();
    assert!(matches!(sound[..], [CertStatus::Revoked(_), CertStatus::Good]), "{sound:?}");
    // A certificate before the first key: the table of keys was changed from outside.
    connection.execute("UPDATE issuer_keys SET first = 2", []).expect("changed");
    connection.execute("UPDATE revoked SET reason = 4 WHERE id = 1", []).expect("changed");
    let (_, stated) = ledger.statuses(&serials).expect("read");
    assert!(matches!(stated[0], Err(LedgerError::Damaged(_))) && stated[1].is_ok(), "{stated:?}");
}
