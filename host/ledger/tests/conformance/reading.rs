//! Reading: certificates after a restart and beside a CA that issues, and the audit log.

use minipki_ca::ports::{
    AUDIT_KEPT, AuditEntry, AuditRecord, CertificateFormat, CertificateRecord, LedgerCounts, LedgerReader,
    Page,
};
use minipki_core::trust::{Serial, Validity};

use crate::{Draft, Engine, NOW, add_token, at, id, key, on_each_engine};

on_each_engine! {
    recorded_certificates_are_found_after_a_restart
    readers_and_token_books_work_while_a_ca_issues
    audit_entries_are_listed_newest_first_in_pages
    only_the_newest_audit_entries_are_kept
    certificates_are_counted_by_their_time_of_issue
    the_token_of_a_certificate_is_found
}

fn recorded_certificates_are_found_after_a_restart(engine: &dyn Engine) {
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
    let counts = LedgerCounts {
        certificates: 10,
        live_certificates: 5,
        ending_in_a_week: 5,
        ending_in_a_month: 5,
        ..LedgerCounts::default()
    };
    assert_eq!(reader.counts(at(NOW + 5)).expect("counted"), counts);
}

fn readers_and_token_books_work_while_a_ca_issues(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut reader = engine.reader().expect("opened");
    for n in 1..=3u64 {
        let token = add_token(engine, &n.to_string(), "a", NOW);
        Draft::new("a", 1, NOW + 9, Some(token)).record(ledger.as_mut()).expect("recorded");
        assert_eq!(reader.counts(at(NOW)).expect("counted").certificates, n);
    }
}

fn audit_entries_are_listed_newest_first_in_pages(engine: &dyn Engine) {
    let _running = engine.ledger();
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.list_audit(None, 9).expect("read"), []);
    // A clock that was set back does not change the order.
    let entries: Vec<_> = (1..=5)
        .map(|n| AuditEntry::new(at(NOW - n), "minipki ca token", "make a token", format!("number {n}")))
        .collect();
    for entry in &entries {
        engine.audit().expect("opened").append(entry).expect("appended");
    }
    let page = |before, records: &[AuditRecord]| {
        let ids: Vec<_> = records.iter().map(|record| record.id).collect();
        for record in records {
            assert_eq!(record.entry, entries[record.id as usize - 1], "before {before:?}");
        }
        ids
    };
    for (before, expected) in [(None, &[5, 4][..]), (Some(4), &[3, 2]), (Some(2), &[1]), (Some(1), &[])] {
        assert_eq!(page(before, &reader.list_audit(before, 2).expect("read")), expected);
    }
}

fn only_the_newest_audit_entries_are_kept(engine: &dyn Engine) {
    engine.fill_audit();
    let mut reader = engine.reader().expect("opened");
    let entry = AuditEntry::new(at(NOW), "console", "stop the server", "");
    let mut log = engine.audit().expect("opened");
    for id in AUDIT_KEPT + 1..AUDIT_KEPT + 4 {
        log.append(&entry).expect("appended");
        assert_eq!(reader.list_audit(None, 1).expect("read")[0].id, id, "no number is used twice");
        let all = reader.list_audit(None, usize::MAX).expect("read");
        assert_eq!(
            (all.len() as u64, all.last().map(|oldest| oldest.id)),
            (AUDIT_KEPT, Some(id - AUDIT_KEPT + 1))
        );
    }
}

fn certificates_are_counted_by_their_time_of_issue(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut reader = engine.reader().expect("opened");
    let before = |reader: &mut dyn LedgerReader, times: &[u64]| {
        let times: Vec<_> = times.iter().map(|time| at(*time)).collect();
        reader.issued_before(&times).expect("counted")
    };
    assert_eq!(before(reader.as_mut(), &[NOW]), [0]);
    // Several certificates have the same time of issue.
    for time in [0, 0, 1, 5, 5, 5, 9] {
        let serial = ledger.reserve(1, CertificateFormat::Json).expect("a serial number")[0];
        let draft = Draft::new("a", 1, NOW + 1000, None);
        ledger.record(&[draft.with(serial)], at(NOW + time)).expect("recorded");
    }
    let times: Vec<u64> = (0..=10).map(|time| NOW + time).collect();
    assert_eq!(before(reader.as_mut(), &times), [0, 2, 3, 3, 3, 3, 6, 6, 6, 6, 7]);
    assert_eq!(before(reader.as_mut(), &[]), [0; 0]);
    assert_eq!(reader.backed_up().expect("read"), None);
}

fn the_token_of_a_certificate_is_found(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let token = add_token(engine, "secret", "a", NOW + 9);
    add_token(engine, "another", "a", NOW + 8);
    Draft::new("a", 1, NOW + 9, Some(token)).record(ledger.as_mut()).expect("recorded");
    Draft::new("a", 1, NOW + 9, None).record(ledger.as_mut()).expect("recorded");
    let mut reader = engine.reader().expect("opened");
    let number = reader.list_tokens(None, 1).expect("listed")[0].id;
    let records = reader.list(Page { subject: None, after: 0, limit: 9 }).expect("listed");
    let tokens: Vec<_> = records.iter().map(|record| reader.token_of(record).expect("read")).collect();
    assert_eq!(tokens, [Some(number), None]);
}
