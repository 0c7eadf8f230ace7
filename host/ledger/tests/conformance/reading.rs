//! To read: what was recorded is found, after a restart and beside a CA that issues.

use minipki_ca::ports::{CertificateRecord, LedgerCounts, Page};
use minipki_core::trust::{Serial, Validity};

use crate::{Draft, Engine, NOW, add_token, at, id, key, on_each_engine};

on_each_engine! {
    what_was_recorded_is_found_after_a_restart
    others_read_and_add_tokens_while_one_issues
}

fn what_was_recorded_is_found_after_a_restart(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let drafts: Vec<_> = (0..10)
        .map(|n| Draft::new(if n % 2 == 0 { "even" } else { "odd" }, n % 3, NOW + u64::from(n), None))
        .collect();
    let serials: Vec<_> =
        drafts.iter().map(|draft| draft.record(ledger.as_mut()).expect("recorded")).collect();
    drop(ledger);
    let _running = engine.ledger();
    let mut reader = engine.reader().expect("opened");

    let third = reader.find_by_serial(serials[3]).expect("read").expect("found");
    assert_eq!((third.id, third.serial), (4, serials[3]));
    assert_eq!((&third.subject_id, &third.subject_key[..]), (&id("odd"), &key(0)[..]));
    assert_eq!(third.validity, Validity::new(at(NOW), at(NOW + 3)).expect("in order"));
    assert_eq!(third.certificate, drafts[3].with(serials[3]).certificate);
    let absent = Serial::new(serials[3].to_u64().expect("53 bits") ^ 1).expect("in range");
    assert_eq!(reader.find_by_serial(absent).expect("read"), None);

    let ids = |records: Vec<CertificateRecord>| records.iter().map(|r| r.id).collect::<Vec<_>>();
    let (odd, nobody) = (id("odd"), id("nobody"));
    let mut page = |subject, after, limit| ids(reader.list(Page { subject, after, limit }).expect("listed"));
    assert_eq!(page(None, 0, 4), [1, 2, 3, 4]);
    assert_eq!(page(None, 4, 4), [5, 6, 7, 8]);
    assert_eq!(page(None, 8, 4), [9, 10]);
    assert_eq!(page(None, u64::MAX, 4), [0; 0]);
    assert_eq!(page(Some(odd.as_id()), 2, 3), [4, 6, 8]);
    assert_eq!(page(Some(nobody.as_id()), 0, 3), [0; 0]);
    assert_eq!(ids(reader.find_by_key(&key(1)).expect("read")), [2, 5, 8]);
    assert_eq!(reader.issued().expect("a number"), 10);
    let counts = LedgerCounts { certificates: 10, live_certificates: 5, live_tokens: 0 };
    assert_eq!(reader.counts(at(NOW + 5)).expect("counted"), counts);
}

fn others_read_and_add_tokens_while_one_issues(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut reader = engine.reader().expect("opened");
    for n in 1..=3u64 {
        let token = add_token(engine, &n.to_string(), "a", NOW);
        Draft::new("a", 1, NOW + 9, Some(token)).record(ledger.as_mut()).expect("recorded");
        assert_eq!(reader.counts(at(NOW)).expect("counted").certificates, n);
    }
}
