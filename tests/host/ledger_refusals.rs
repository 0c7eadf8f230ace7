//! Ledgers that must not be opened. Each refusal has a reason and advice.

use std::fs;
use std::path::Path;

use getrandom::SysRng;
use minipki_ca::ports::{
    CertificateFormat, Ledger, LedgerError, LedgerReader, Page, Recorder, TokenBook, TokenHash,
};
use minipki_ledger::{Accept, SqliteLedger, SqliteReader, SqliteTokens, StoreError};
use minipki_os::Failure;
use minipki_tests::advice;
use minipki_tests::ca::{at, chmod, id, make_ledger, open_ledger, owner};
use rusqlite::Connection;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A folder with a closed ledger of `owner("ca", 1)`.
fn made() -> TempDir {
    let folder = folder();
    drop(open_ledger(folder.path(), &owner("ca", 1)));
    folder
}

/// The errors of opening the ledger of `owner("ca", 1)` for issuing, for tokens and for reading.
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

/// Checks that an error names the ledger and the command for a restore.
fn advises_a_restore(folder: &Path, error: impl Into<Failure>) {
    let (Failure { seen, next }, folder) = (error.into(), folder.display());
    assert!(seen.contains(&format!("{folder}/ledger.sqlite")), "{seen}");
    let command = format!("minipki ca restore --from FILE --dir {folder}");
    assert!(next.is_some_and(|next| next.contains(&command)), "{seen}");
}

#[test]
fn another_cas_ledger_is_refused_by_name_and_by_key() {
    let folder = made();
    for other in [owner("other", 1), owner("ca", 2)] {
        let refused = SqliteLedger::open(folder.path(), &other).err().expect("another CA's ledger");
        assert!(matches!(refused, StoreError::Foreign { .. }));
        let text = refused.to_string();
        let both = [owner("ca", 1).to_string(), other.to_string()];
        assert!(both.iter().all(|name| text.contains(name)), "{text}");
        assert!(matches!(SqliteTokens::open(folder.path(), &other), Err(StoreError::Foreign { .. })));
        assert!(matches!(SqliteReader::open(folder.path(), &other), Err(StoreError::Foreign { .. })));
    }
    SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("the CA's own ledger");
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
            advises_a_restore(folder.path(), &refused);
        }
    }
}

#[test]
fn a_ledger_that_others_can_read_is_refused_with_the_command_that_repairs_it() {
    let folder = made();
    let path = folder.path().join("ledger.sqlite");
    chmod(&path, 0o640);
    for refused in refusals(folder.path()) {
        assert!(matches!(refused, StoreError::Mode { mode: 0o640, .. }), "{refused}");
        assert!(advice(&refused).contains(&format!("chmod 600 {}", path.display())), "{refused}");
    }
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = made();
    let first = SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("the first");
    let second = SqliteLedger::open(folder.path(), &owner("ca", 1)).err().expect("the second");
    assert!(matches!(second, StoreError::Locked(_)), "{second}");
    drop(first);
    SqliteLedger::open(folder.path(), &owner("ca", 1)).expect("the first has ended");
}

#[test]
fn a_missing_or_empty_ledger_is_not_made_by_opening_it() {
    let folder = folder();
    let path = folder.path().join("ledger.sqlite");
    for empty in [false, true] {
        if empty {
            fs::write(&path, "").expect("written");
            chmod(&path, 0o600);
        }
        for refused in refusals(folder.path()) {
            assert!(matches!(refused, StoreError::Missing { .. }), "{refused}");
            advises_a_restore(folder.path(), &refused);
            assert!(advice(&refused).contains("--accept-empty-ledger"), "{refused}");
        }
    }
    // The empty file is not changed.
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
    // An empty file, as after `> ledger.sqlite`. SQLite would remove the log of an empty database.
    fs::write(left.path().join("ledger.sqlite"), "").expect("written");
    chmod(&left.path().join("ledger.sqlite"), 0o600);
    for refused in refusals(left.path()) {
        assert!(matches!(refused, StoreError::Missing { what: "is empty", .. }), "{refused}");
    }
    assert_eq!(fs::read(&log).expect("the file exists"), before);
    // Accepting an empty ledger also keeps the log, under another name.
    let accept = Accept { empty_ledger: true, ..Accept::default() };
    drop(SqliteLedger::open_with(left.path(), &owner("ca", 1), accept, SysRng).expect("accepted"));
    let kept = fs::read_dir(left.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let kept: Vec<_> = kept.filter(|path| path.to_string_lossy().contains("replaced")).collect();
    assert_eq!(fs::read(kept[0].join("ledger.sqlite-wal")).expect("the file exists"), before);
}

#[test]
fn an_interrupted_creation_of_a_ledger_is_continued() {
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
fn many_processes_may_make_and_use_the_same_ledger() {
    for _ in 0..8 {
        let folder = folder();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    make_ledger(folder, &owner("ca", 1));
                    let mut book = SqliteTokens::open(folder, &owner("ca", 1)).expect("made or found");
                    let token = TokenHash::of(&n.to_string());
                    book.add(token, id("a").as_id(), at(2), None, at(1_800_000_000)).expect("added");
                });
            }
        });
        let mut reader = SqliteReader::open(folder.path(), &owner("ca", 1)).expect("opened");
        assert_eq!(reader.counts(at(1)).expect("counted").live_tokens, 8);
    }
}

/// The content of a ledger's file while no process has it open.
fn copy_of(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("ledger.sqlite")).expect("a ledger")
}

#[test]
fn an_older_copy_of_the_ledger_or_another_one_is_noticed_at_the_next_start() {
    let folder = made();
    let ca = owner("ca", 1);
    let old = copy_of(folder.path());
    drop(SqliteLedger::open(folder.path(), &ca).expect("another start"));
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
            advises_a_restore(folder.path(), &refused);
            assert!(advice(&refused).contains("--accept-older-ledger"), "{refused}");
        }
    }
    fs::write(folder.path().join("ledger.sqlite"), &new).expect("put back");
    drop(SqliteLedger::open(folder.path(), &ca).expect("the newest one"));

    // The option is needed only once.
    fs::write(folder.path().join("ledger.sqlite"), &new).expect("an older one again");
    let accept = Accept { older_ledger: true, ..Accept::default() };
    drop(SqliteLedger::open_with(folder.path(), &ca, accept, SysRng).expect("accepted"));
    SqliteLedger::open(folder.path(), &ca).expect("now it is the newest");
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
    assert!(advice(&refused).contains("--accept-clock"), "{refused}");
    ledger.start_at(at(NOW - 60), strict).expect("a minute behind is accepted");

    // The later of the two times decides about the expiry of tokens.
    let mut book = SqliteTokens::open(folder.path(), &owner("ca", 1)).expect("opened");
    book.add(TokenHash::of("t"), id("a").as_id(), at(NOW - 10), None, at(NOW)).expect("added");
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
    first.reserve(1, CertificateFormat::Json).expect("it works");
    // Another folder has another lock; the ledger in it is the same one.
    let other = TempDir::new().expect("a folder");
    std::os::unix::fs::symlink(folder.path().join("ledger.sqlite"), other.path().join("ledger.sqlite"))
        .expect("a link");
    let mut second = SqliteLedger::open(other.path(), &ca).expect("the second");
    let refused =
        first.reserve(1000, CertificateFormat::Json).expect_err("it is not its ledger any more").to_string();
    assert!(refused.contains("another process was started on"), "{refused}");
    second.reserve(1000, CertificateFormat::Json).expect("the second goes on");
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
    advises_a_restore(folder.path(), &refused);
    let page = Page { subject: None, after: 0, limit: 9 };
    let refused = reader.list(page).expect_err("no such subject");
    assert_eq!(refused.to_string(), "row 1 with serial number 1 has a wrong subject");
}
