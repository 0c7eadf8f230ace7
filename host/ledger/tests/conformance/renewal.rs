//! Renewal: what a certificate renews and inherits, and what it supersedes.

use minipki_ca::ports::{
    CertificateFormat, Inquiry, Ledger, LedgerError, NewCertificate, RENEWAL, TokenHash,
};
use minipki_core::trust::{CertStatus, RevocationReason, Serial};

use crate::revocation::{facts, issue, revoke, revoked, statuses};
use crate::{Draft, Engine, NOW, add_token, at, id, key, on_each_engine};
use RevocationReason::{CertificateHold, RemoveFromHold, Superseded, Unspecified};

on_each_engine! {
    a_renewal_is_recorded_with_what_it_renews
    a_renewal_of_a_revoked_certificate_is_refused_at_the_commit
    a_renewal_supersedes_in_its_own_transaction
}

/// A renewal of `renews` for `subject`.
fn renew(
    ledger: &mut dyn Ledger,
    subject: &str,
    byte: u8,
    renews: Serial,
    supersede: bool,
) -> Result<Serial, LedgerError> {
    let serial = ledger.reserve(1, CertificateFormat::Json)?[0];
    let draft = Draft::new(subject, byte, NOW + 20, None);
    let new = NewCertificate { renews: Some(renews), supersede, ..draft.with(serial) };
    ledger.record(&[new], at(NOW)).map(|()| serial)
}

fn a_renewal_is_recorded_with_what_it_renews(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let token = TokenHash::of("t");
    let mut book = engine.tokens().expect("opened");
    book.add(token, id("a").as_id(), at(NOW + 9), Some(60), at(NOW)).expect("added");
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.list_tokens(None, 1).expect("read")[0].lifetime, Some(60));
    let subject = id("a");
    let mut ask = |subject_key: &[u8], token, renews| {
        let inquiry = Inquiry { subject_id: subject.as_id(), subject_key, token, renews };
        ledger.facts(&[inquiry], at(NOW)).expect("read").remove(0).expect("a sound row")
    };
    assert_eq!(ask(&key(1), Some(token), None).token_lifetime, Some(60));
    assert_eq!(ask(&key(1), Some(TokenHash::of("other")), None).token_lifetime, None);
    let draft = Draft::new("a", 1, NOW + 60, Some(token));
    let serials = ledger.reserve(2, CertificateFormat::Json).expect("reserved");
    let first = NewCertificate { lifetime: Some(60), ..draft.with(serials[0]) };
    ledger.record(&[first], at(NOW + 1)).expect("recorded");
    let draft = Draft::new("a", 2, NOW + 60, None);
    let second = NewCertificate { lifetime: Some(60), renews: Some(serials[0]), ..draft.with(serials[1]) };
    ledger.record(&[second], at(NOW + 2)).expect("recorded");
    let mut shown = |serial| {
        let record = reader.find_by_serial(serial).expect("read").expect("found");
        (record.issued.expect("stored"), record.renews, record.lifetime)
    };
    assert_eq!(shown(serials[0]), (at(NOW + 1), None, Some(60)));
    assert_eq!(shown(serials[1]), (at(NOW + 2), Some(serials[0]), Some(60)));
    // The same request gets it again, and only the same.
    let mut earlier = |byte, renews| {
        let facts = facts(ledger.as_mut(), "a", byte, renews, NOW);
        (facts.earlier.map(|record| record.serial), facts.current.map(|record| record.serial))
    };
    assert_eq!(earlier(2, Some(serials[0])), (Some(serials[1]), Some(serials[0])));
    assert_eq!(earlier(2, Some(serials[1])), (None, Some(serials[1])));
    assert_eq!(earlier(2, None), (None, None));
    assert_eq!(earlier(1, Some(serials[0])), (None, Some(serials[0])));
    // The certificate to renew is found in any state.
    revoke(ledger.as_mut(), serials[0], Unspecified, NOW).expect("revoked");
    let current = facts(ledger.as_mut(), "nobody", 3, Some(serials[0]), NOW + 99).current.expect("found");
    assert_eq!(current.revocation.map(|revocation| revocation.reason), Some(Unspecified));
}

fn a_renewal_of_a_revoked_certificate_is_refused_at_the_commit(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let serial = issue(ledger, "a", 1);
    revoke(ledger, serial, CertificateHold, NOW).expect("held");
    let refused = |result| matches!(result, Err(LedgerError::Revoked(refused)) if refused == serial);
    assert!(refused(renew(ledger, "a", 2, serial, false)));
    assert!(refused(renew(ledger, "a", 2, serial, true)));
    revoke(ledger, serial, RemoveFromHold, NOW).expect("lifted");
    renew(ledger, "a", 2, serial, false).expect("recorded");
    revoke(ledger, serial, Unspecified, NOW).expect("revoked");
    assert!(refused(renew(ledger, "a", 2, serial, true)));
    let unknown = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    assert!(matches!(renew(ledger, "a", 2, unknown, false), Err(LedgerError::Revoked(_))));
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.issued().expect("read"), 2);
    assert_eq!(reader.revocation_number().expect("read"), 3);
}

fn a_renewal_supersedes_in_its_own_transaction(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let old = issue(ledger, "a", 1);
    let serials = ledger.reserve(2, CertificateFormat::Json).expect("reserved");
    let token = add_token(engine, "t", "a", NOW - 1);
    let drafts = [
        Draft::new("a", 2, NOW + 9, None),
        Draft::new("a", 3, NOW + 9, None),
        Draft::new("a", 4, NOW + 9, Some(token)),
    ];
    let renewal =
        |n: usize| NewCertificate { renews: Some(old), supersede: true, ..drafts[n].with(serials[n.min(1)]) };
    // The second one cannot be recorded, since its token has expired.
    let refused = ledger.record(&[renewal(0), renewal(2)], at(NOW));
    assert!(matches!(refused, Err(LedgerError::TokenSpent(_))));
    assert_eq!(statuses(ledger, &[old]), (0, vec![CertStatus::Good]));
    // Two renewals in one call.
    ledger.record(&[renewal(0), renewal(1)], at(NOW + 1)).expect("recorded");
    let statuses = statuses(ledger, &[old, serials[0], serials[1]]);
    assert_eq!(statuses, (1, vec![revoked(Superseded, NOW + 1), CertStatus::Good, CertStatus::Good]));
    let mut reader = engine.reader().expect("opened");
    let history = reader.revocation_history(old).expect("read");
    assert_eq!((history.len(), &history[0].actor[..]), (1, RENEWAL));
}
