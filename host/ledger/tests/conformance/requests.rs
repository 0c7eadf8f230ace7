//! Requests for X.509 certificates: a repeated request finds its certificate, and two processes do not answer one request.

use minipki_ca::ports::{
    AnsweredRequest, CertificateFormat, Ledger, LedgerError, NewCertificate, Recorder, RequestFacts,
    RequestHash, RevocationChange,
};
use minipki_core::trust::{RevocationReason, Serial};

use crate::{Draft, Engine, NOW, at, on_each_engine};

on_each_engine! {
    a_request_finds_its_newest_certificate_in_any_state
    a_request_that_was_answered_meanwhile_is_refused
    a_compromised_key_is_refused_for_a_request
}

fn draft() -> Draft {
    // A SubjectPublicKeyInfo of P-256 has 91 bytes.
    Draft { key: vec![0x30; 91], ..Draft::new("www", 0, NOW + 9, None) }
}

fn record(
    ledger: &mut (impl Recorder + ?Sized),
    hash: RequestHash,
    earlier: Option<Serial>,
) -> Result<Serial, LedgerError> {
    let (draft, format) = (draft(), CertificateFormat::X509);
    let serial = ledger.reserve(1, format)?[0];
    let request = Some(AnsweredRequest { hash, earlier });
    ledger.record(&[NewCertificate { format, request, ..draft.with(serial) }], at(NOW)).map(|()| serial)
}

fn facts(ledger: &mut (impl Recorder + ?Sized), hash: RequestHash) -> RequestFacts {
    ledger.request_facts(hash, &draft().key).expect("read")
}

fn revoke(ledger: &mut dyn Ledger, serial: Serial, reason: RevocationReason) {
    let outcome = ledger.revoke(&[RevocationChange::new(serial, reason, "an operator")], at(NOW));
    outcome.expect("written").remove(0).expect("revoked");
}

fn a_request_finds_its_newest_certificate_in_any_state(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut beside = engine.recorder(at(NOW)).expect("opened");
    let [hash, other] = [RequestHash::of(&[b"ab", b"c"]), RequestHash::of(&[b"a", b"bc"])];
    assert_eq!(facts(&mut *ledger, hash), RequestFacts::default());
    let first = record(&mut *ledger, hash, None).expect("recorded");
    for found in [facts(&mut *ledger, hash), facts(&mut *beside, hash)] {
        let earlier = found.earlier.expect("found");
        assert_eq!((earlier.serial, earlier.revocation, found.key_compromised), (first, None, false));
    }
    assert_eq!(facts(&mut *ledger, other), RequestFacts::default());
    // A certificate without a request has no effect.
    let serial = ledger.reserve(1, CertificateFormat::X509).expect("reserved")[0];
    let plain = draft();
    let plain = NewCertificate { format: CertificateFormat::X509, ..plain.with(serial) };
    ledger.record(&[plain], at(NOW)).expect("recorded");
    revoke(&mut *ledger, first, RevocationReason::Superseded);
    let earlier = facts(&mut *ledger, hash).earlier.expect("found");
    assert_eq!(earlier.serial, first);
    assert_eq!(earlier.revocation.map(|it| it.reason), Some(RevocationReason::Superseded));
    let second = record(&mut *beside, hash, Some(first)).expect("recorded");
    assert_eq!(facts(&mut *ledger, hash).earlier.expect("found").serial, second);
    drop(ledger);
    let mut ledger = engine.ledger();
    assert_eq!(facts(&mut *ledger, hash).earlier.expect("it is stored").serial, second);
}

fn a_request_that_was_answered_meanwhile_is_refused(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut beside = engine.recorder(at(NOW)).expect("opened");
    let hash = RequestHash::of(&[b"a"]);
    let first = record(&mut *beside, hash, None).expect("recorded");
    for late in [record(&mut *ledger, hash, None), record(&mut *beside, hash, None)] {
        assert!(matches!(late, Err(LedgerError::AnsweredMeanwhile(ref name)) if *name == draft().subject));
    }
    let second = record(&mut *ledger, hash, Some(first)).expect("recorded");
    let late = record(&mut *beside, hash, Some(first));
    assert!(matches!(late, Err(LedgerError::AnsweredMeanwhile(_))), "{late:?}");
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.counts(at(NOW)).expect("counted").certificates, 2);
    assert_eq!(facts(&mut *beside, hash).earlier.expect("found").serial, second);
}

fn a_compromised_key_is_refused_for_a_request(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let hash = RequestHash::of(&[b"a"]);
    let first = record(&mut *ledger, hash, None).expect("recorded");
    revoke(&mut *ledger, first, RevocationReason::KeyCompromise);
    assert!(facts(&mut *ledger, RequestHash::of(&[b"b"])).key_compromised);
    for (hash, earlier) in [(hash, Some(first)), (RequestHash::of(&[b"b"]), None)] {
        let refused = record(&mut *ledger, hash, earlier);
        assert!(matches!(refused, Err(LedgerError::KeyCompromised(_))), "{refused:?}");
    }
}
