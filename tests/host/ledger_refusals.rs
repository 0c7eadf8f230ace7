//! Ledgers that must not be opened, each with its reason and what to do.

use std::fs;
use std::path::Path;

use getrandom::SysRng;
use minipki_ca::ports::{Ledger, LedgerError, LedgerReader, Page, TokenBook, TokenHash};
use minipki_ledger::{Accept, SqliteLedger, SqliteReader, SqliteTokens, StoreError};
use minipki_tests::ca::{at, chmod, id, make_ledger, open_ledger, owner};
use rusqlite::Connection;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A folder with a ledger of `owner("ca", 1)`, closed.
fn made() -> TempDir {
    let folder = folder();
    drop(open_ledger(folder.path(), &owner("ca", 1)));
    folder
}

/// How each half refuses the ledger of `owner("ca", 1)`.
fn refusals(folder: &Path) -> [StoreError; 3] {
    let owner = owner("ca", 1);
    [
        SqliteLedger::open(folder, &owner).err().expect("to issue"),
        SqliteTokens::open(folder, &owner).err().expect("to add tokens"),
        SqliteReader::open(folder, &owner).err().expect("to read"),
    ]
}

fn sql(folder: &Path, text: &str) {
    let connection = Connection::open(folder.join("ledger.sqlite")).expect("opened");
    connection.execute_batch(text).expect("done");
}

/// An error names the ledger, and the command that puts a backup in its place.
fn names_the_way_back(folder: &Path, error: &dyn std::error::Error) {
    let (text, folder) = (error.to_string(), folder.display());
    assert!(text.contains(&format!("{folder}/ledger.sqlite")), "{text}");
    assert!(text.contains(&format!("minipki ca restore --from FILE --dir {folder}")), "{text}");
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
        assert!(matches!(SqliteTokens::open(folder.path(), &other), Err(StoreError::Foreign { .. })));
        assert!(matches!(SqliteReader::open(folder.path(), &other), Err(StoreError::Foreign { .. })));
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

    for content in [&[b'x'; 5000][..], b"x"] {
        fs::write(folder.path().join("ledger.sqlite"), content).expect("written");
        for refused in refusals(folder.path()) {
            assert!(refused.is_damage() || matches!(refused, StoreError::Missing { .. }), "{refused}");
            names_the_way_back(folder.path(), &refused);
        }
    }
}

#[test]
fn a_ledger_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let folder = made();
    let path = folder.path().join("ledger.sqlite");
    chmod(&path, 0o640);
    for refused in refusals(folder.path()) {
        assert!(matches!(refused, StoreError::Mode { mode: 0o640, .. }), "{refused}");
        let advice = format!("chmod 600 {}", path.display());
        assert!(refused.to_string().contains(&advice), "{refused}");
    }
}

#[test]
fn two_servers_on_one_folder_are_one_too_many() {
    let folder = made();
    let first = SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("the first");
    let second = SqliteLedger::open(folder.path(), &owner("ca", 1)).err().expect("the second");
    assert!(matches!(second, StoreError::Locked(_)), "{second}");
    drop(first);
    SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("the first has gone");
}

#[test]
fn a_ledger_that_is_missing_or_empty_is_never_made_by_the_way() {
    let folder = folder();
    let path = folder.path().join("ledger.sqlite");
    for empty in [false, true] {
        if empty {
            fs::write(&path, "").expect("written");
            chmod(&path, 0o600);
        }
        for refused in refusals(folder.path()) {
            assert!(matches!(refused, StoreError::Missing { .. }), "{refused}");
            names_the_way_back(folder.path(), &refused);
            assert!(refused.to_string().contains("--accept-empty-ledger"), "{refused}");
        }
    }
    // Only the file's name was ever made.
    assert_eq!(fs::read(&path).expect("a file"), b"");
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(SqliteLedger::open(&nowhere, &owner("ca", 1)), Err(StoreError::Io { .. })));
}

#[test]
fn a_log_without_its_ledger_is_kept() {
    let folder = folder();
    let running = open_ledger(folder.path(), &owner("ca", 1));
    let left = TempDir::new().expect("a folder");
    let log = left.path().join("ledger.sqlite-wal");
    fs::copy(folder.path().join("ledger.sqlite-wal"), &log).expect("copied");
    drop(running);
    let before = fs::read(&log).expect("a file");
    assert!(!before.is_empty());
    // As `> ledger.sqlite` leaves it: SQLite would remove the log of an empty database.
    fs::write(left.path().join("ledger.sqlite"), "").expect("written");
    chmod(&left.path().join("ledger.sqlite"), 0o600);
    for refused in refusals(left.path()) {
        assert!(matches!(refused, StoreError::Missing { what: "is empty", .. }), "{refused}");
    }
    assert_eq!(fs::read(&log).expect("it is still there"), before);
    // Accepting an empty ledger keeps the log too, under another name.
    let accept = Accept { empty_ledger: true, ..Accept::default() };
    drop(SqliteLedger::open_with(left.path(), &owner("ca", 1), accept, SysRng).expect("accepted"));
    let kept = fs::read_dir(left.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let kept: Vec<_> = kept.filter(|path| path.to_string_lossy().contains("replaced")).collect();
    assert_eq!(fs::read(kept[0].join("ledger.sqlite-wal")).expect("it is there"), before);
}

#[test]
fn the_making_of_a_ledger_that_was_interrupted_is_continued() {
    let folder = folder();
    let path = folder.path().join("ledger.sqlite");
    fs::write(&path, "").expect("written");
    chmod(&path, 0o600);
    minipki_ledger::create(folder.path(), &owner("ca", 1)).expect("made");
    let again = minipki_ledger::create(folder.path(), &owner("ca", 1));
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    SqliteReader::open(folder.path(), &owner("ca", 1)).expect("whole");
}

#[test]
fn many_may_make_and_use_the_same_ledger_at_the_same_time() {
    for _ in 0..8 {
        let folder = folder();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    make_ledger(folder, &owner("ca", 1));
                    let mut book = SqliteTokens::open(folder, &owner("ca", 1)).expect("made or found");
                    let token = TokenHash::of(&n.to_string());
                    book.add(token, id("a").as_id(), at(2), at(1_800_000_000)).expect("added");
                });
            }
        });
        let mut reader = SqliteReader::open(folder.path(), &owner("ca", 1)).expect("opened");
        assert_eq!(reader.counts(at(1)).expect("counted").live_tokens, 8);
    }
}

/// What `cp` makes of a ledger's file while nobody has it open.
fn copy_of(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("ledger.sqlite")).expect("a ledger")
}

#[test]
fn an_older_copy_of_the_ledger_or_another_one_is_noticed_at_the_next_start() {
    let folder = made();
    let ca = owner("ca", 1);
    let old = copy_of(folder.path());
    drop(SqliteLedger::open(folder.path(), &ca).expect("it serves once more"));
    let new = copy_of(folder.path());
    let elsewhere = made();

    for other in [old, copy_of(elsewhere.path())] {
        fs::write(folder.path().join("ledger.sqlite"), &other).expect("put in place");
        let [serve, token, _] = [
            SqliteLedger::open(folder.path(), &ca).err(),
            SqliteTokens::open(folder.path(), &ca).err(),
            None,
        ];
        for refused in [serve, token].map(|error| error.expect("not the last")) {
            assert!(matches!(refused, StoreError::NotTheLast { .. }), "{refused}");
            names_the_way_back(folder.path(), &refused);
            assert!(refused.to_string().contains("--accept-older-ledger"), "{refused}");
        }
    }
    fs::write(folder.path().join("ledger.sqlite"), &new).expect("put back");
    drop(SqliteLedger::open(folder.path(), &ca).expect("the newest one"));

    // Accepting it once is enough.
    fs::write(folder.path().join("ledger.sqlite"), &new).expect("an older one again");
    let accept = Accept { older_ledger: true, ..Accept::default() };
    drop(SqliteLedger::open_with(folder.path(), &ca, accept, SysRng).expect("accepted"));
    SqliteLedger::open(folder.path(), &ca).expect("from then on it is the last");
}

#[test]
fn a_clock_behind_the_ledger_or_never_set_is_refused_at_the_start() {
    const NOW: u64 = 1_800_000_000;
    let folder = made();
    let mut ledger = SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("opened");
    let (strict, accept) = (Accept::default(), Accept { clock: true, ..Accept::default() });
    ledger.start_at(at(NOW), strict).expect("the first start");
    drop(ledger);
    let mut ledger = SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("opened");
    for unset in [0, 1_000_000_000] {
        let refused = ledger.start_at(at(unset), accept).expect_err("before this program was written");
        assert!(matches!(refused, StoreError::ClockUnset(_)), "{refused}");
    }
    let refused = ledger.start_at(at(NOW - 3600), strict).expect_err("an hour behind");
    assert!(matches!(refused, StoreError::ClockBehind { .. }), "{refused}");
    assert!(refused.to_string().contains("--accept-clock"), "{refused}");
    ledger.start_at(at(NOW - 60), strict).expect("a minute behind is nothing");

    // Tokens expire by the later of the two times.
    let mut book = SqliteTokens::open(folder.path(), &owner("ca", 1)).expect("opened");
    book.add(TokenHash::of("t"), id("a").as_id(), at(NOW - 10), at(NOW)).expect("added");
    let live = |ledger: &mut SqliteLedger| {
        ledger.tokens(id("a").as_id(), &[1; 32], at(NOW - 60)).expect("read").len()
    };
    assert_eq!(live(&mut ledger), 0, "it has expired at the newest time");
    ledger.start_at(at(NOW - 3600), accept).expect("accepted");
    assert_eq!(live(&mut ledger), 1);
    drop(ledger);
    let mut ledger = SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("opened");
    ledger.start_at(at(NOW - 3600), strict).expect("the accepted time is the newest now");
}

#[test]
fn a_second_server_that_got_around_the_lock_ends_the_first() {
    let ca = owner("ca", 1);
    let folder = made();
    let mut first = SqliteLedger::open(folder.path(), &ca).expect("the first");
    first.reserve(1).expect("it works");
    // Another folder has another lock; the ledger in it is the same one.
    let other = TempDir::new().expect("a folder");
    std::os::unix::fs::symlink(folder.path().join("ledger.sqlite"), other.path().join("ledger.sqlite"))
        .expect("a link");
    let mut second = SqliteLedger::open(other.path(), &ca).expect("the second");
    let refused = first.reserve(1000).expect_err("it is not its ledger any more").to_string();
    assert!(refused.contains("another process was started on"), "{refused}");
    second.reserve(1000).expect("the second goes on");
}

#[test]
fn a_row_changed_from_outside_is_reported() {
    let folder = made();
    sql(
        folder.path(),
        "INSERT INTO certificates (serial, subject_id, subject_key, not_before, not_after, format, certificate)
         VALUES (unhex(printf('%040x', 1)), 'a b', zeroblob(32), 1, 2, 0, '')",
    );
    let mut reader = SqliteReader::open(folder.path(), &owner("ca", 1)).expect("opened");
    let refused = reader.find_by_key(&[0; 32]).expect_err("no such subject");
    assert!(
        matches!(refused, LedgerError::Damaged(_)) && refused.to_string().contains("subject"),
        "{refused}"
    );
    names_the_way_back(folder.path(), &refused);
    let page = Page { subject: None, after: 0, limit: 9 };
    let refused = reader.list(page).expect_err("no such subject");
    assert_eq!(refused.to_string(), "row 1 with serial number 1 has a wrong subject");
}
