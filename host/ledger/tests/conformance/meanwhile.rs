//! Revocations that happen between a decision and its commit, and revocations for a compromise of the key.

use minipki_ca::ports::{
    CertificateFormat, HOLDER, Ledger, LedgerError, NewCertificate, RevocationBook, RevocationChange,
    RevocationError, RevocationOutcome,
};
use minipki_core::trust::{CertStatus, RevocationReason, Serial};

use crate::revocation::{facts, issue, revoke, revoked, statuses};
use crate::{Draft, Engine, NOW, add_token, at, on_each_engine};
use RevocationReason::{CertificateHold, KeyCompromise, RemoveFromHold, Superseded, Unspecified};

on_each_engine! {
    a_holder_ends_no_hold_that_came_first
    a_name_on_hold_is_refused_at_the_commit
    a_compromised_key_is_refused_at_the_commit
    a_compromise_raises_an_earlier_reason_of_the_same_certificate
    an_operator_revokes_all_certificates_of_a_compromised_key
}

fn by_holder(
    book: &mut dyn RevocationBook,
    serial: Serial,
    reason: RevocationReason,
) -> Result<RevocationOutcome, RevocationError> {
    book.revoke(&[RevocationChange::by_holder(serial, reason)], at(NOW)).expect("written").remove(0)
}

fn a_holder_ends_no_hold_that_came_first(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let serial = issue(ledger.as_mut(), "a", 1);
    // Between the request of the holder and its record, an operator puts the certificate on hold.
    let mut book = engine.revocations(at(NOW)).expect("opened");
    revoke(book.as_mut(), serial, CertificateHold, NOW).expect("held");
    for reason in [Superseded, KeyCompromise, RemoveFromHold] {
        let refused = by_holder(ledger.as_mut(), serial, reason);
        assert_eq!(refused, Err(RevocationError::HoldByOperator(serial)), "{reason}");
    }
    assert!(!by_holder(ledger.as_mut(), serial, CertificateHold).expect("repeated").changed);
    assert_eq!(statuses(ledger.as_mut(), &[serial]), (1, vec![revoked(CertificateHold, NOW)]));
    revoke(book.as_mut(), serial, RemoveFromHold, NOW).expect("lifted");
    let done = by_holder(ledger.as_mut(), serial, Superseded).expect("revoked");
    assert_eq!((done.changed, &done.record.actor[..]), (true, HOLDER));
}

/// Records a certificate of `subject` with `key(byte)`.
fn record(
    ledger: &mut dyn Ledger,
    subject: &str,
    byte: u8,
    renews: Option<Serial>,
    format: CertificateFormat,
) -> Result<(), LedgerError> {
    let serial = ledger.reserve(1, format)?[0];
    let draft = Draft::new(subject, byte, NOW + 20, None);
    ledger.record(&[NewCertificate { renews, format, ..draft.with(serial) }], at(NOW))
}

fn a_name_on_hold_is_refused_at_the_commit(engine: &dyn Engine) {
    use CertificateFormat::{Json, X509};
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let (held, other) = (issue(ledger, "a", 1), issue(ledger, "a", 1));
    let token = add_token(engine, "t", "a", NOW + 9);
    assert!(!facts(ledger, "a", 1, None, NOW).held);
    let mut book = engine.revocations(at(NOW)).expect("opened");
    revoke(book.as_mut(), held, CertificateHold, NOW).expect("held");
    let refused = |result: Result<(), _>| match result {
        Err(LedgerError::NameHeld(name)) => assert_eq!(name.to_string(), "a"),
        other => panic!("{other:?}"),
    };
    for byte in [1, 2] {
        refused(record(ledger, "a", byte, None, Json));
        refused(record(ledger, "a", byte, Some(other), Json));
    }
    // Also with a token, which stays usable. Nothing of the batch is recorded.
    let serials = ledger.reserve(2, Json).expect("reserved");
    let drafts = [Draft::new("b", 5, NOW + 9, None), Draft::new("a", 3, NOW + 9, Some(token))];
    let batch = [drafts[0].with(serials[0]), drafts[1].with(serials[1])];
    refused(ledger.record(&batch, at(NOW)));
    assert_eq!(statuses(ledger, &serials).1, [CertStatus::Unknown; 2]);
    record(ledger, "a", 9, None, X509).expect("a hold is about JSON certificates");
    record(ledger, "b", 1, None, Json).expect("another name of the same key");
    revoke(ledger, held, RemoveFromHold, NOW).expect("lifted");
    ledger.record(&batch, at(NOW)).expect("the token can be spent");
}

fn a_compromised_key_is_refused_at_the_commit(engine: &dyn Engine) {
    use CertificateFormat::{Json, X509};
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let (stolen, other) = (issue(ledger, "a", 1), issue(ledger, "b", 1));
    assert!(!facts(ledger, "c", 1, None, NOW).key_compromised);
    let mut book = engine.revocations(at(NOW)).expect("opened");
    by_holder(book.as_mut(), stolen, KeyCompromise).expect("revoked");
    let refused = |result: Result<(), _>, subject| match result {
        Err(LedgerError::KeyCompromised(name)) => assert_eq!(name.to_string(), subject),
        other => panic!("{other:?}"),
    };
    for subject in ["a", "b", "c"] {
        refused(record(ledger, subject, 1, None, Json), subject);
    }
    // Its other certificate is not renewed, with any key.
    refused(record(ledger, "b", 2, Some(other), Json), "b");
    assert!(matches!(record(ledger, "a", 2, Some(stolen), Json), Err(LedgerError::Revoked(_))));
    record(ledger, "a", 2, None, Json).expect("another key");
    record(ledger, "c", 1, None, X509).expect("another format has other keys");
}

fn a_compromise_raises_an_earlier_reason_of_the_same_certificate(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    for (byte, holder) in [(1, false), (2, true)] {
        let serial = issue(ledger, "a", byte);
        let before = engine.reader().expect("opened").revocation_number().expect("read");
        revoke(ledger, serial, Superseded, NOW + 1).expect("revoked");
        assert!(!facts(ledger, "a", byte, None, NOW).key_compromised);
        let change = match holder {
            true => RevocationChange::by_holder(serial, KeyCompromise),
            false => RevocationChange::new(serial, KeyCompromise, "x"),
        };
        let mut raise = |time| {
            let changes = std::slice::from_ref(&change);
            ledger.revoke(changes, at(time)).expect("written").remove(0).expect("revoked")
        };
        let raised = raise(NOW + 2);
        assert_eq!((raised.changed, raised.record.number), (true, before + 2));
        // Now it is final.
        assert_eq!(raise(NOW + 3), RevocationOutcome { changed: false, ..raised.clone() });
        let weaker = revoke(ledger, serial, Unspecified, NOW + 4).expect("repeated");
        assert_eq!(weaker, RevocationOutcome { changed: false, ..raised });
        assert_eq!(statuses(ledger, &[serial]), (before + 2, vec![revoked(KeyCompromise, NOW + 2)]));
        assert!(facts(ledger, "a", byte, None, NOW).key_compromised);
        let history = engine.reader().expect("opened").revocation_history(serial).expect("read");
        assert_eq!(history.iter().map(|one| one.reason).collect::<Vec<_>>(), [Superseded, KeyCompromise]);
    }
}

fn an_operator_revokes_all_certificates_of_a_compromised_key(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let serials: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| issue(ledger, name, 1)).into();
    let bystander = issue(ledger, "b", 2);
    let x509 = ledger.reserve(1, CertificateFormat::X509).expect("reserved")[0];
    let draft = Draft::new("a", 1, NOW + 9, None);
    let new = NewCertificate { format: CertificateFormat::X509, ..draft.with(x509) };
    ledger.record(&[new], at(NOW)).expect("recorded");
    revoke(ledger, serials[2], Superseded, NOW).expect("revoked");
    revoke(ledger, serials[3], CertificateHold, NOW).expect("held");
    // By the holder: only its certificate.
    let first = by_holder(ledger, serials[4], KeyCompromise).expect("revoked");
    assert_eq!((first.record.number, first.same_key), (3, vec![]));
    let done = revoke(ledger, serials[1], KeyCompromise, NOW + 1).expect("revoked");
    assert_eq!((done.changed, done.record.number), (true, 4));
    let others: Vec<_> = done.same_key.iter().map(|one| (one.number, one.serial, one.reason)).collect();
    assert_eq!(others, [(5, serials[0], KeyCompromise), (6, serials[3], KeyCompromise)]);
    assert!(done.same_key.iter().all(|one| one.time == at(NOW + 1) && one.actor == "an operator"));
    let now = revoked(KeyCompromise, NOW + 1);
    let expected =
        vec![now, now, revoked(Superseded, NOW), now, revoked(KeyCompromise, NOW), CertStatus::Good];
    let all: Vec<_> = serials.iter().copied().chain([x509]).collect();
    assert_eq!(statuses(ledger, &all), (6, expected));
    assert_eq!(statuses(ledger, &[bystander]).1, [CertStatus::Good]);
    // A repetition changes nothing, and completes what the holder has begun.
    let again = revoke(ledger, serials[4], KeyCompromise, NOW + 2).expect("repeated");
    assert_eq!(
        again,
        RevocationOutcome { changed: false, ..by_holder(ledger, serials[4], Unspecified).expect("repeated") }
    );
    let [f, g] = ["f", "g"].map(|name| issue(ledger, name, 3));
    by_holder(ledger, f, KeyCompromise).expect("revoked");
    let completed = revoke(ledger, f, KeyCompromise, NOW + 2).expect("repeated");
    assert_eq!((completed.changed, completed.same_key.len()), (false, 1));
    assert_eq!(completed.same_key[0].serial, g);
}
