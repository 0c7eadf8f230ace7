//! X.509 twins of certificates, and certificates of the CA's keys by others.

use minipki_ca::ports::{CertificateFormat, KeyChain, Ledger, Recorder, RevocationChange};
use minipki_core::keys::Fingerprint;
use minipki_core::trust::{RevocationReason, Serial};

use crate::{Draft, Engine, FIRST_KEY, NOW, at, on_each_engine};

on_each_engine! {
    a_twin_is_recorded_beside_its_certificate
    a_chain_replaces_an_earlier_one_and_never_goes_away
}

fn issue(ledger: &mut dyn Ledger, name: &str) -> Serial {
    let serial = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    let draft = Draft::new(name, 7, NOW + 9, None);
    ledger.record(&[draft.with(serial)], at(NOW)).expect("recorded");
    serial
}

fn a_twin_is_recorded_beside_its_certificate(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let (a, b, unknown) =
        (issue(&mut *ledger, "a"), issue(&mut *ledger, "b"), Serial::new(1).expect("in range"));
    ledger.record_twins(&[(b, vec![0x30, 0])], at(NOW)).expect("recorded");
    let change = RevocationChange::new(a, RevocationReason::Superseded, "an operator");
    ledger.revoke(&[change], at(NOW)).expect("written").remove(0).expect("revoked");
    drop(ledger);
    let mut ledger = engine.ledger();
    let mut facts =
        ledger.twin_facts(&[b, unknown, a]).expect("read").into_iter().map(|one| one.expect("sound"));
    let [of_b, of_unknown, of_a] =
        [facts.next(), facts.next(), facts.next()].map(|one| one.expect("an answer"));
    assert_eq!(of_unknown, None);
    let (of_a, of_b) = (of_a.expect("recorded"), of_b.expect("recorded"));
    assert_eq!((of_b.record.serial, of_b.issuer_key, of_b.twin), (b, FIRST_KEY, Some(vec![0x30, 0])));
    assert_eq!((of_a.record.subject_id.to_string(), of_a.twin), ("a".to_owned(), None));
    assert!(of_a.record.revocation.is_some());
    drop(facts);
    assert!(ledger.twin_facts(&[]).expect("read").is_empty());
    // A twin has no row of its own.
    assert_eq!(engine.reader().expect("opened").counts(at(NOW)).expect("counted").certificates, 2);
}

fn a_chain_replaces_an_earlier_one_and_never_goes_away(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut beside = engine.recorder(at(NOW)).expect("opened");
    let other = Fingerprint([9; 32]);
    assert_eq!(ledger.chain(FIRST_KEY).expect("read"), KeyChain::Own);
    beside.set_chain(FIRST_KEY, None).expect("written");
    assert_eq!(ledger.chain(FIRST_KEY).expect("read"), KeyChain::Awaited);
    ledger.set_chain(FIRST_KEY, Some(b"first")).expect("written");
    beside.set_chain(FIRST_KEY, Some(b"second")).expect("written");
    beside.set_chain(FIRST_KEY, None).expect("written");
    ledger.set_chain(other, None).expect("written");
    drop(ledger);
    let mut ledger = engine.ledger();
    for recorder in [&mut *ledger as &mut dyn Recorder, &mut *beside] {
        assert_eq!(recorder.chain(FIRST_KEY).expect("read"), KeyChain::Installed(b"second".to_vec()));
        assert_eq!(recorder.chain(other).expect("read"), KeyChain::Awaited);
    }
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.chain(FIRST_KEY).expect("read"), KeyChain::Installed(b"second".to_vec()));
    assert_eq!(reader.chain(other).expect("read"), KeyChain::Awaited);
    assert_eq!(reader.chain(Fingerprint([8; 32])).expect("read"), KeyChain::Own);
}
