//! Ledgers that must not be opened, each with its reason and what to do.

use std::fs;
use std::path::Path;

use minipki::ca::TokenHash;
use minipki::store::{LedgerReader, SqliteLedger, StoreError, TokenBook};
use minipki_tests::ca::{at, chmod, id, owner};
use rusqlite::Connection;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A folder with a ledger of `owner("ca", 1)`, closed.
fn made() -> TempDir {
    let folder = folder();
    drop(SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("made"));
    folder
}

/// How each half refuses the ledger of `owner("ca", 1)`.
fn refusals(folder: &Path) -> [StoreError; 3] {
    let owner = owner("ca", 1);
    [
        SqliteLedger::open(folder, &owner).err().expect("to issue"),
        TokenBook::open(folder, &owner).err().expect("to add tokens"),
        LedgerReader::open(folder, &owner).err().expect("to read"),
    ]
}

fn sql(folder: &Path, text: &str) {
    let connection = Connection::open(folder.join("ledger.sqlite")).expect("opened");
    connection.execute_batch(text).expect("done");
}

#[test]
fn another_cas_ledger_is_refused_by_name_and_by_key() {
    let folder = made();
    for other in [owner("other", 1), owner("ca", 2)] {
        let refused = SqliteLedger::open(folder.path(), &other).err().expect("not its ledger");
        assert!(matches!(refused, StoreError::Foreign { .. }));
        let text = refused.to_string();
        let both = [owner("ca", 1).to_string(), other.to_string()];
        assert!(both.iter().all(|name| text.contains(name)), "{text}");
        assert!(matches!(TokenBook::open(folder.path(), &other), Err(StoreError::Foreign { .. })));
        assert!(matches!(LedgerReader::open(folder.path(), &other), Err(StoreError::Foreign { .. })));
    }
    SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("its own");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = made();
    sql(folder.path(), "PRAGMA user_version = 99");
    let before = fs::read(folder.path().join("ledger.sqlite")).expect("a file");
    for refused in refusals(folder.path()) {
        assert!(matches!(refused, StoreError::Newer { found: 99, .. }), "{refused}");
    }
    assert_eq!(fs::read(folder.path().join("ledger.sqlite")).expect("a file"), before);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let folder = folder();
    sql(folder.path(), "CREATE TABLE bookmarks (url TEXT);");
    chmod(&folder.path().join("ledger.sqlite"), 0o600);
    let before = fs::read(folder.path().join("ledger.sqlite")).expect("a file");
    for refused in refusals(folder.path()) {
        assert!(matches!(refused, StoreError::NotALedger { found: 0, .. }), "{refused}");
    }
    assert_eq!(fs::read(folder.path().join("ledger.sqlite")).expect("a file"), before);

    fs::write(folder.path().join("ledger.sqlite"), [b'x'; 5000]).expect("written");
    for refused in refusals(folder.path()) {
        assert!(matches!(refused, StoreError::Sqlite(_)), "{refused}");
    }
}

#[test]
fn a_ledger_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let folder = made();
    let path = folder.path().join("ledger.sqlite");
    chmod(&path, 0o640);
    for refused in refusals(folder.path()) {
        assert!(matches!(refused, StoreError::Mode { mode: 0o640, .. }), "{refused}");
        let advice = format!("chmod 600 '{}'", path.display());
        assert!(refused.to_string().contains(&advice), "{refused}");
    }
}

#[test]
fn two_servers_on_one_folder_are_one_too_many() {
    let folder = folder();
    let first = SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("the first");
    let second = SqliteLedger::open(folder.path(), &owner("ca", 1)).err().expect("the second");
    assert!(matches!(second, StoreError::Locked(_)), "{second}");
    drop(first);
    SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("the first has gone");
}

#[test]
fn where_nothing_was_issued_there_is_nothing_to_read() {
    let folder = folder();
    let refused = LedgerReader::open(folder.path(), &owner("ca", 1)).err().expect("no ledger");
    assert!(matches!(refused, StoreError::Missing(_)), "{refused}");
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(SqliteLedger::open(&nowhere, &owner("ca", 1)), Err(StoreError::Io { .. })));
}

#[test]
fn a_ledger_whose_making_was_interrupted_is_made_by_the_next_writer() {
    let folder = folder();
    let path = folder.path().join("ledger.sqlite");
    fs::write(&path, "").expect("written");
    chmod(&path, 0o600);
    let refused = LedgerReader::open(folder.path(), &owner("ca", 1)).err().expect("nothing in it");
    assert!(matches!(refused, StoreError::Older { found: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("ca serve"), "{refused}");
    SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("made");
    LedgerReader::open(folder.path(), &owner("ca", 1)).expect("whole");
}

#[test]
fn many_may_make_the_same_ledger_at_the_same_time() {
    for _ in 0..8 {
        let folder = folder();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    let mut book = TokenBook::open(folder, &owner("ca", 1)).expect("made or found");
                    let token = TokenHash::of(&n.to_string());
                    book.add(token, id("a").as_id(), at(2)).expect("added");
                });
            }
        });
        let reader = LedgerReader::open(folder.path(), &owner("ca", 1)).expect("opened");
        assert_eq!(reader.counts(at(1)).expect("counted").live_tokens, 8);
    }
}

#[test]
fn a_row_changed_from_outside_is_reported() {
    let folder = made();
    sql(
        folder.path(),
        "INSERT INTO certificates (serial, subject_id, subject_key, not_before, not_after, certificate)
         VALUES (1, 'a b', zeroblob(32), 1, 2, '')",
    );
    let reader = LedgerReader::open(folder.path(), &owner("ca", 1)).expect("opened");
    let page = minipki::store::Page { subject: None, after: 0, limit: 9 };
    assert!(matches!(reader.list(page), Err(StoreError::Damaged("subject"))));
}
