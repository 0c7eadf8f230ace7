//! Revocation: the rules of a change, its number and its history, statuses, the list, and the effect on a name.

use minipki_ca::ports::{
    AuditEntry, CertificateFormat, Inquiry, Ledger, LedgerError, LedgerFacts, NewCertificate, RevocationBook,
    RevocationChange, RevocationError, RevocationOutcome,
};
use minipki_core::trust::{CertStatus, Revocation, RevocationReason, Serial};

use crate::{Draft, Engine, NOW, add_token, at, id, key, on_each_engine};
use RevocationReason::{
    CertificateHold, CessationOfOperation, KeyCompromise, RemoveFromHold, Superseded, Unspecified,
};

on_each_engine! {
    a_revocation_is_final_and_a_repetition_gets_the_first_answer
    a_hold_can_be_lifted_or_become_final
    each_change_has_the_next_number_and_a_refused_one_has_none
    statuses_are_read_at_one_number
    all_formats_are_listed_by_serial_number_in_pages
    a_revoked_certificate_owns_no_name_and_one_on_hold_keeps_it
    a_token_of_a_revoked_certificate_is_not_usable
    a_compromised_key_is_known_for_every_subject_for_good
    certificates_are_counted_by_state
    a_book_refuses_a_clock_that_was_set_back
}

/// Makes one change at `time`.
pub(crate) fn revoke(
    book: &mut (impl RevocationBook + ?Sized),
    serial: Serial,
    reason: RevocationReason,
    time: u64,
) -> Result<RevocationOutcome, RevocationError> {
    let change = RevocationChange::new(serial, reason, "an operator");
    book.revoke(&[change], at(time)).expect("written").remove(0)
}

pub(crate) fn issue(ledger: &mut dyn Ledger, subject: &str, byte: u8) -> Serial {
    Draft::new(subject, byte, NOW + 20, None).record(ledger).expect("recorded")
}

pub(crate) fn facts(
    ledger: &mut dyn Ledger,
    subject: &str,
    byte: u8,
    renews: Option<Serial>,
    time: u64,
) -> LedgerFacts {
    let subject = id(subject);
    let inquiry = Inquiry { subject_id: subject.as_id(), subject_key: &key(byte), token: None, renews };
    ledger.facts(&[inquiry], at(time)).expect("read").remove(0).expect("a sound row")
}

fn status(ledger: &mut dyn Ledger, serial: Serial) -> CertStatus {
    statuses(ledger, &[serial]).1[0]
}

/// The revocation number, and the statuses of `serials` without their keys.
pub(crate) fn statuses(ledger: &mut dyn Ledger, serials: &[Serial]) -> (u64, Vec<CertStatus>) {
    let (number, stated) = ledger.statuses(serials).expect("read");
    (number, stated.into_iter().map(|stated| stated.expect("a sound row").status).collect())
}

pub(crate) const fn revoked(reason: RevocationReason, time: u64) -> CertStatus {
    match minipki_core::time::UnixTime::new(time) {
        Ok(revoked_at) => CertStatus::Revoked(Revocation { reason, revoked_at }),
        Err(_) => panic!("a time before the year 10000"),
    }
}

fn a_revocation_is_final_and_a_repetition_gets_the_first_answer(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let serial = issue(ledger.as_mut(), "a", 1);
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.find_by_serial(serial).expect("read").expect("found").revocation, None);
    let first = revoke(ledger.as_mut(), serial, KeyCompromise, NOW + 1).expect("revoked");
    assert!(first.changed);
    assert_eq!((first.record.number, first.record.serial, first.record.reason), (1, serial, KeyCompromise));
    assert_eq!((first.record.time, &first.record.actor[..]), (at(NOW + 1), "an operator"));
    // Also beside the CA that issues, which sees its changes.
    let mut book = engine.revocations(at(NOW)).expect("opened");
    for reason in RevocationReason::all().filter(|reason| *reason != RemoveFromHold) {
        let again = revoke(book.as_mut(), serial, reason, NOW + 2).expect("repeated");
        assert_eq!(again, RevocationOutcome { changed: false, ..first.clone() });
    }
    assert_eq!(
        revoke(book.as_mut(), serial, RemoveFromHold, NOW + 2),
        Err(RevocationError::NotOnHold(serial))
    );
    assert_eq!(reader.revocation_history(serial).expect("read"), std::slice::from_ref(&first.record));
    assert_eq!(reader.revocation_number().expect("read"), 1);
    let record = reader.find_by_serial(serial).expect("read").expect("found");
    assert_eq!(record.revocation, first.record.revocation());
    assert_eq!(ledger.find(serial).expect("read"), Some(record));
    assert_eq!(status(ledger.as_mut(), serial), revoked(KeyCompromise, NOW + 1));
    // An expired certificate can be revoked, and a reserved number cannot.
    let other = issue(ledger.as_mut(), "b", 2);
    assert!(revoke(book.as_mut(), other, Unspecified, NOW + 99).expect("revoked").changed);
    assert_eq!(status(ledger.as_mut(), other), revoked(Unspecified, NOW + 99));
    let reserved = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    let refused = revoke(ledger.as_mut(), reserved, Unspecified, NOW);
    assert_eq!(refused, Err(RevocationError::UnknownSerial(reserved)));
    assert_eq!(status(ledger.as_mut(), reserved), CertStatus::Unknown);
    assert_eq!(reader.revocation_history(reserved).expect("read"), []);
    // The text of an actor has a bounded length.
    let change = RevocationChange::new(serial, Unspecified, "é".repeat(AuditEntry::ACTOR));
    assert_eq!(change.actor().len(), AuditEntry::ACTOR);
}

fn a_hold_can_be_lifted_or_become_final(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let serial = issue(ledger.as_mut(), "a", 1);
    let ledger = ledger.as_mut();
    let not_held = Err(RevocationError::NotOnHold(serial));
    assert_eq!(revoke(ledger, serial, RemoveFromHold, NOW), not_held);
    let hold = revoke(ledger, serial, CertificateHold, NOW + 1).expect("held");
    let again = revoke(ledger, serial, CertificateHold, NOW + 2).expect("repeated");
    assert_eq!(again, RevocationOutcome { changed: false, ..hold });
    assert_eq!(status(ledger, serial), revoked(CertificateHold, NOW + 1));
    let lifted = revoke(ledger, serial, RemoveFromHold, NOW + 3).expect("lifted");
    assert_eq!((lifted.changed, lifted.record.number, lifted.record.revocation()), (true, 2, None));
    assert_eq!(status(ledger, serial), CertStatus::Good);
    assert_eq!(revoke(ledger, serial, RemoveFromHold, NOW + 3), not_held);
    revoke(ledger, serial, CertificateHold, NOW + 4).expect("held");
    let last = revoke(ledger, serial, Superseded, NOW + 5).expect("revoked");
    assert_eq!((last.changed, last.record.number), (true, 4));
    assert_eq!(status(ledger, serial), revoked(Superseded, NOW + 5));
    let mut reader = engine.reader().expect("opened");
    let history = reader.revocation_history(serial).expect("read");
    let history: Vec<_> = history.iter().map(|record| (record.number, record.reason)).collect();
    let expected = [CertificateHold, RemoveFromHold, CertificateHold, Superseded];
    assert_eq!(history, (1..).zip(expected).collect::<Vec<_>>());
}

fn each_change_has_the_next_number_and_a_refused_one_has_none(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let [a, b] = [("a", 1), ("b", 2)].map(|(name, byte)| issue(ledger.as_mut(), name, byte));
    let unknown = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    let changes = [
        (a, CertificateHold),
        (unknown, Unspecified),
        (a, CertificateHold),
        (b, RemoveFromHold),
        (b, Unspecified),
        (a, RemoveFromHold),
    ];
    let changes = changes.map(|(serial, reason)| RevocationChange::new(serial, reason, "x"));
    let outcomes = ledger.revoke(&changes, at(NOW)).expect("written");
    let outcomes: Vec<_> =
        outcomes.into_iter().map(|one| one.map(|one| (one.record.number, one.changed))).collect();
    let (unknown, not_held) = (RevocationError::UnknownSerial(unknown), RevocationError::NotOnHold(b));
    let expected = [Ok((1, true)), Err(unknown), Ok((1, false)), Err(not_held), Ok((2, true)), Ok((3, true))];
    assert_eq!(outcomes, expected);
    assert_eq!(ledger.revoke(&[], at(NOW)).expect("written"), []);
    drop(ledger);
    // The next start continues.
    let mut ledger = engine.ledger();
    let next = revoke(ledger.as_mut(), a, CessationOfOperation, NOW).expect("revoked");
    assert_eq!(next.record.number, 4);
}

fn statuses_are_read_at_one_number(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let serials: Vec<_> = (0..4).map(|byte| issue(ledger.as_mut(), "a", byte)).collect();
    let good = vec![CertStatus::Good; 4];
    assert_eq!(statuses(ledger.as_mut(), &serials), (0, good));
    assert_eq!(statuses(ledger.as_mut(), &[]), (0, vec![]));
    // Another process changes them.
    let mut book = engine.revocations(at(NOW)).expect("opened");
    for (serial, reason) in [
        (serials[2], CertificateHold),
        (serials[1], KeyCompromise),
        (serials[2], RemoveFromHold),
        (serials[2], CertificateHold),
    ] {
        revoke(book.as_mut(), serial, reason, NOW).expect("changed");
    }
    let states =
        [CertStatus::Good, revoked(KeyCompromise, NOW), revoked(CertificateHold, NOW), CertStatus::Good];
    assert_eq!(statuses(ledger.as_mut(), &serials), (4, states.to_vec()));
}

fn all_formats_are_listed_by_serial_number_in_pages(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.list_revoked(None, None, 9).expect("read").revoked, []);
    let mut expected = Vec::new();
    for n in 0..20u8 {
        let format = if n % 3 == 0 { CertificateFormat::X509 } else { CertificateFormat::Json };
        let serial = ledger.reserve(1, format).expect("reserved")[0];
        let draft = Draft::new(&format!("a{n}"), n, NOW + u64::from(n), None);
        ledger.record(&[NewCertificate { format, ..draft.with(serial) }], at(NOW)).expect("recorded");
        let reason = [Unspecified, CertificateHold, KeyCompromise][usize::from(n % 3)];
        if n % 4 != 0 {
            revoke(ledger.as_mut(), serial, reason, NOW + 5).expect("revoked");
            expected.push((serial, format, at(NOW + u64::from(n)), reason));
        }
    }
    expected.sort_by_key(|row| row.0);
    let mut found = Vec::new();
    loop {
        let page =
            reader.list_revoked(None, found.last().map(|row: &(Serial, _, _, _)| row.0), 4).expect("read");
        assert_eq!(page.number, 15);
        assert!(page.revoked.iter().all(|row| row.revocation.revoked_at == at(NOW + 5)));
        found.extend(
            page.revoked.iter().map(|row| (row.serial, row.format, row.not_after, row.revocation.reason)),
        );
        if page.revoked.len() < 4 {
            break;
        }
    }
    assert_eq!(found, expected);
    assert_eq!(reader.list_revoked(None, None, usize::MAX).expect("read").revoked.len(), 15);
}

fn a_revoked_certificate_owns_no_name_and_one_on_hold_keeps_it(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let old = issue(ledger, "a", 1);
    let new = issue(ledger, "a", 2);
    let holder = |ledger: &mut dyn Ledger| facts(ledger, "a", 1, None, NOW).holder;
    let held = |byte: u8| Some(key(byte).to_vec());
    revoke(ledger, new, CertificateHold, NOW).expect("held");
    assert_eq!(holder(ledger), held(2));
    let on_hold = facts(ledger, "a", 2, None, NOW);
    assert!(on_hold.held && on_hold.earlier.is_none(), "{on_hold:?}");
    assert!(!facts(ledger, "a", 2, None, NOW + 21).held, "it has expired");
    assert!(!facts(ledger, "b", 2, None, NOW).held);
    revoke(ledger, new, RemoveFromHold, NOW).expect("lifted");
    let lifted = facts(ledger, "a", 2, None, NOW);
    assert_eq!((lifted.held, lifted.earlier.map(|record| record.serial)), (false, Some(new)));
    revoke(ledger, new, Unspecified, NOW).expect("revoked");
    assert_eq!(holder(ledger), held(1));
    assert_eq!(facts(ledger, "a", 2, None, NOW).earlier, None);
    assert!(!facts(ledger, "a", 2, None, NOW).held);
    revoke(ledger, old, Unspecified, NOW).expect("revoked");
    assert_eq!(holder(ledger), None);
}

fn a_token_of_a_revoked_certificate_is_not_usable(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let token = add_token(engine, "t", "a", NOW + 5);
    let serial = Draft::new("a", 1, NOW + 9, Some(token)).record(ledger).expect("recorded");
    let usable = |ledger: &mut dyn Ledger| {
        let subject = id("a");
        let tokens = ledger.tokens(subject.as_id(), &key(1), at(NOW)).expect("read");
        let inquiry =
            Inquiry { subject_id: subject.as_id(), subject_key: &key(1), token: Some(token), renews: None };
        let facts = ledger.facts(&[inquiry], at(NOW)).expect("read").remove(0).expect("a sound row");
        (tokens, facts.earlier.map(|record| record.serial))
    };
    assert_eq!(usable(ledger), (vec![token], Some(serial)));
    revoke(ledger, serial, CertificateHold, NOW).expect("held");
    assert_eq!(usable(ledger), (vec![], None));
    revoke(ledger, serial, RemoveFromHold, NOW).expect("lifted");
    assert_eq!(usable(ledger), (vec![token], Some(serial)));
    revoke(ledger, serial, Superseded, NOW).expect("revoked");
    assert_eq!(usable(ledger), (vec![], None));
}

fn a_compromised_key_is_known_for_every_subject_for_good(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let serial = issue(ledger, "a", 1);
    let other = issue(ledger, "a", 2);
    let compromised = |ledger: &mut dyn Ledger, byte| {
        ["a", "nobody"].map(|subject| facts(ledger, subject, byte, None, NOW + 99).key_compromised)
    };
    revoke(ledger, serial, CertificateHold, NOW).expect("held");
    revoke(ledger, other, Unspecified, NOW).expect("revoked");
    assert_eq!(compromised(ledger, 1), [false; 2]);
    revoke(ledger, serial, KeyCompromise, NOW).expect("revoked");
    assert_eq!((compromised(ledger, 1), compromised(ledger, 2)), ([true; 2], [false; 2]));
}

fn certificates_are_counted_by_state(engine: &dyn Engine) {
    const DAY: u64 = 86_400;
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let ends = [NOW, NOW + 7 * DAY - 1, NOW + 7 * DAY, NOW + 30 * DAY - 1, NOW + 30 * DAY, NOW + 99 * DAY];
    let drafts = (1..).zip(ends).map(|(byte, end)| Draft::new("a", byte, end, None));
    let serials: Vec<_> = drafts.map(|draft| draft.record(ledger).expect("recorded")).collect();
    let mut reader = engine.reader().expect("opened");
    let mut counts = |time| {
        let counts = reader.counts(at(time)).expect("counted");
        let ending = (counts.ending_in_a_week, counts.ending_in_a_month);
        (counts.certificates, counts.live_certificates, ending, counts.revoked, counts.held)
    };
    assert_eq!(counts(NOW), (6, 6, (2, 4), 0, 0));
    revoke(ledger, serials[0], Unspecified, NOW).expect("revoked");
    revoke(ledger, serials[2], CertificateHold, NOW).expect("held");
    revoke(ledger, serials[5], KeyCompromise, NOW).expect("revoked");
    assert_eq!(counts(NOW), (6, 3, (1, 2), 2, 1));
    assert_eq!(counts(NOW + 1), (6, 3, (1, 3), 2, 1));
}

fn a_book_refuses_a_clock_that_was_set_back(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    issue(ledger.as_mut(), "a", 1);
    assert!(matches!(engine.revocations(at(NOW - 3600)), Err(LedgerError::Clock(_))));
}
