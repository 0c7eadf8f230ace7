//! The audit log: in order, in pages, and bounded.

use minipki_ca::ports::{AUDIT_KEPT, AuditEntry};

use crate::{Engine, NOW, at, on_each_engine};

on_each_engine! {
    entries_are_listed_newest_first_in_pages
    only_the_newest_entries_are_kept
}

fn entries_are_listed_newest_first_in_pages(engine: &dyn Engine) {
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
    let page = |before, records: &[minipki_ca::ports::AuditRecord]| {
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

fn only_the_newest_entries_are_kept(engine: &dyn Engine) {
    engine.fill_audit();
    let mut reader = engine.reader().expect("opened");
    let entry = AuditEntry::new(at(NOW), "console", "stop the server", "");
    let mut log = engine.audit().expect("opened");
    for id in AUDIT_KEPT + 1..AUDIT_KEPT + 4 {
        log.append(&entry).expect("appended");
        assert_eq!(reader.list_audit(None, 1).expect("read")[0].id, id, "no number is used again");
        let all = reader.list_audit(None, usize::MAX).expect("read");
        assert_eq!(
            (all.len() as u64, all.last().map(|oldest| oldest.id)),
            (AUDIT_KEPT, Some(id - AUDIT_KEPT + 1))
        );
    }
}
