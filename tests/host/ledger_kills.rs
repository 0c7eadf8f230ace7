//! The CA's commands are killed at each point where they write: nothing is lost, and the next command works.

use std::fs;

use minipki_tests::kill_points::{WRITES, at_each};
use minipki_tests::program::run;
use tempfile::TempDir;

/// Kills `ca init` at each of `calls`, and expects that the next one continues it.
fn kill_init_at_each(calls: &[&'static str]) {
    let folder = TempDir::new().expect("a folder");
    let init = ["ca", "init", "--dir", "ca"];
    let kills = at_each(calls, |point| {
        // A file that is not there need not be removed.
        let _ = fs::remove_dir_all(folder.path().join("ca"));
        let done = point.run(folder.path(), &init);
        let at = |name: &str| fs::read(folder.path().join("ca").join(name)).ok();
        let key = at("ca-key.pem");
        match at("anchor.json") {
            // The anchor is the last: the CA is whole.
            Some(_) => drop(run(folder.path(), &init).expect(1)),
            None => drop(run(folder.path(), &init).expect(0)),
        }
        if key.is_some() {
            assert_eq!(at("ca-key.pem"), key, "{point:?}: a key was made anew");
        }
        run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
        run(folder.path(), &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0);
        done
    });
    assert!(kills > 20, "only {kills} kills");
}

/// SQLite writes its pages by this call.
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
        // The files that the kill has left do not hinder the next one.
        run(folder.path(), &token).expect(0);
        run(folder.path(), &["ca", "list", "--dir", "ca"]).expect(0);
        done
    });
    assert!(kills > 20, "only {kills} kills");
}
