//! The commands of the CA are killed at each write. Nothing is lost, and the next command succeeds.

use std::fs;
use std::path::Path;

use minipki_fixtures::vector_path;
use minipki_tests::ca::chmod;
use minipki_tests::kill_points::{WRITES, at_each};
use minipki_tests::program::run;
use rusqlite::Connection;
use tempfile::TempDir;

/// Kills `ca init` at each call of these kinds. The next `ca init` must continue it.
fn kill_init_at_each(calls: &[&'static str]) {
    let folder = TempDir::new().expect("a folder");
    let init = ["ca", "init", "--dir", "ca"];
    let kills = at_each(calls, |point| {
        // The folder may not exist.
        let _ = fs::remove_dir_all(folder.path().join("ca"));
        let done = point.run(folder.path(), &init);
        let at = |name: &str| fs::read(folder.path().join("ca").join(name)).ok();
        let key = at("ca-key.pem");
        match at("anchor.json") {
            // The anchor is the last file, so the CA is complete.
            Some(_) => drop(run(folder.path(), &init).expect(1)),
            None => drop(run(folder.path(), &init).expect(0)),
        }
        if key.is_some() {
            assert_eq!(at("ca-key.pem"), key, "{point:?}: a new key was made");
        }
        run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
        run(folder.path(), &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0);
        done
    });
    assert!(kills > 20, "only {kills} kills");
}

/// The system call by which SQLite writes its pages.
const PAGES: &str = "pwrite64";

#[test]
fn an_init_killed_at_any_page_of_the_ledger_is_continued_by_the_next() {
    kill_init_at_each(&[PAGES]);
}

#[test]
fn an_init_killed_at_any_other_write_is_continued_by_the_next() {
    let others: Vec<_> = WRITES.iter().copied().filter(|call| *call != PAGES).collect();
    kill_init_at_each(&others);
}

#[test]
fn a_token_killed_at_any_write_harms_nothing() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let token = ["ca", "token", "--dir", "ca", "--subject", "alice"];
    let kills = at_each(WRITES, |point| {
        let done = point.run(folder.path(), &token);
        // The remaining files do not stop the next command.
        run(folder.path(), &token).expect(0);
        run(folder.path(), &["ca", "list", "--dir", "ca"]).expect(0);
        done
    });
    assert!(kills > 20, "only {kills} kills");
}

#[test]
fn a_start_killed_while_it_brings_the_ledger_up_to_date_is_continued_by_the_next() {
    let folder = TempDir::new().expect("a folder");
    let ca = folder.path().join("ca");
    let ledger = ca.join("ledger.sqlite");
    // The program ends after the migration, because no machine has this address (RFC 5737).
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "192.0.2.1:0"];
    let mut seen: Vec<i32> = Vec::new();
    let kills = at_each(WRITES, |point| {
        // The folder may not exist.
        let _ = fs::remove_dir_all(&ca);
        fs::create_dir(&ca).expect("made");
        chmod(&ca, 0o700);
        for file in fs::read_dir(vector_path("ledger/schema-3")).expect("a folder") {
            let file = file.expect("a file");
            fs::copy(file.path(), ca.join(file.file_name())).expect("copied");
            chmod(&ca.join(file.file_name()), 0o600);
        }
        // This machine's clock may be behind the latest time in the ledger.
        sql(&ledger, |ledger| ledger.execute_batch("UPDATE instance SET latest = 0").expect("changed"));
        let done = point.run(folder.path(), &serve);
        seen.push(sql(&ledger, |ledger| {
            let counts =
                "SELECT (SELECT count(*) FROM certificates) || ' ' || (SELECT count(*) FROM reserved) || ' '
                              || (SELECT count(*) FROM tokens)";
            let counts: String = ledger.query_row(counts, [], |row| row.get(0)).expect("whole tables");
            assert_eq!(counts, "4 253 5", "{point:?}");
            ledger.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
        }));
        run(folder.path(), &serve).expect(5);
        run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
        done
    });
    assert!(kills > 20, "only {kills} kills");
    for schema in [3, 7] {
        assert!(seen.contains(&schema), "no kill has left schema {schema}: {seen:?}");
    }
}

/// Calls `read` with a connection to the ledger at `path`.
fn sql<T>(path: &Path, read: impl FnOnce(&Connection) -> T) -> T {
    read(&Connection::open(path).expect("opened"))
}
