//! Which certificates of a subject `minipki ca revoke` revokes: also those that come or end meanwhile.

use std::thread::sleep;
use std::time::Duration;

use minipki_tests::program::{run, start_at_terminal};

use crate::cli::{enrolled, served};
use crate::revocation::{ca_revoke, serial};

#[test]
fn a_renewal_before_the_answer_does_not_escape() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let revoke = ["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "key_compromise"];
    for all in [false, true] {
        let more: &[&str] = if all { &["--all"] } else { &[] };
        let (mut program, mut terminal) = start_at_terminal(at, &[&revoke[..], more].concat());
        program.line("Nobody can undo this revocation");
        let before = serial(at, "alice");
        run(at, &["renew", "--identity", "alice"]).expect(0);
        terminal.types("yes");
        let after = serial(at, "alice");
        let code = if all { 4 } else { 0 };
        if all {
            let done = program.wait().expect(0).stderr;
            assert!(done.contains(&before) && done.contains(&after), "{done}");
        } else {
            let refused = program.wait().expect(1).stderr;
            assert!(
                refused.contains("have changed since the question") && refused.contains(&after),
                "{refused}"
            );
            assert!(refused.contains("nothing was revoked"), "{refused}");
        }
        for identity in ["alice", "alice/previous"] {
            run(at, &["status", "--identity", identity, "--ca", &ca]).expect(code);
        }
    }
}

#[test]
fn a_certificate_that_can_still_be_renewed_is_revoked_with_its_subject() {
    let (folder, _server, ca) = served(&["--validity", "60s", "--renewal-grace", "1d"]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    // The certificate begins some time before its issue, and ends after a minute.
    sleep(Duration::from_secs(63));
    let subject = ["--subject", "alice", "--reason", "key_compromise"];
    let ended = ca_revoke(at, &[&subject[..], &["--renewal-grace", "0s"]].concat()).expect(1).stderr;
    assert!(ended.contains("no certificate of the subject alice can be used or renewed"), "{ended}");
    let done = ca_revoke(at, &subject).expect(0).stderr;
    assert!(done.contains(&format!("certificate {} is revoked", serial(at, "alice"))), "{done}");
    let refused = run(at, &["renew", "--identity", "alice"]).expect(3).stderr;
    assert!(refused.contains("revoked"), "{refused}");
}
