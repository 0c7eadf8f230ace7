//! The CA's commands are killed at each point where they write: nothing is lost, and the next command works.

use minipki_tests::kill_points::{WRITES, at_each};
use minipki_tests::program::run;
use tempfile::TempDir;

#[test]
fn a_token_killed_at_any_write_harms_nothing() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let token = ["ca", "token", "--dir", "ca", "--subject", "alice"];
    let kills = at_each(WRITES, |point| {
        let done = point.run(folder.path(), &token);
        // What the kill has left is no obstacle for the next one.
        run(folder.path(), &token).expect(0);
        run(folder.path(), &["ca", "list", "--dir", "ca"]).expect(0);
        done
    });
    assert!(kills > 20, "only {kills} kills");
}
