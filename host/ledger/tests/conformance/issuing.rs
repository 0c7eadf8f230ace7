//! Issuing: unique serial numbers, batches that are recorded whole or not at all, and the facts for the authority.

use std::collections::HashSet;

use minipki_ca::ports::{
    CertificateFormat, Inquiry, Ledger, LedgerCounts, LedgerError, LedgerFacts, TokenHash,
};
use minipki_core::trust::Serial;

use crate::{Draft, Engine, NOW, add_token, at, id, key, on_each_engine};

on_each_engine! {
    no_serial_is_handed_out_twice_by_any_start
    a_serial_is_recorded_once_and_only_if_it_was_reserved
    a_batch_is_recorded_whole_or_not_at_all
    a_name_belongs_to_the_newest_live_certificate
    the_same_request_gets_its_earlier_certificate
    a_certificate_of_another_format_is_recorded_and_found_in_the_same_way
}

fn no_serial_is_handed_out_twice_by_any_start(engine: &dyn Engine) {
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let mut ledger = engine.ledger();
        for count in [0, 1, 200, 300] {
            let serials = ledger.reserve(count, CertificateFormat::Json).expect("reserved");
            assert_eq!(serials.len(), count);
            for serial in serials {
                assert!(serial.to_u64().is_some_and(|number| (1..1 << 53).contains(&number)), "{serial}");
                assert!(seen.insert(serial), "{serial} came twice");
            }
        }
        // Serial numbers for X.509 are longer. They come from an issuing ledger and from a recorder beside it.
        let mut recorder = engine.recorder(at(NOW)).expect("opened");
        let x509 = ledger.reserve(3, CertificateFormat::X509).expect("reserved");
        for serial in x509.into_iter().chain(recorder.reserve(3, CertificateFormat::X509).expect("reserved"))
        {
            let octets = serial.to_be_bytes();
            assert!(octets[..4] == [0; 4] && (0x40..0x80).contains(&octets[4]), "{serial} has not 16 octets");
            assert!(seen.insert(serial), "{serial} came twice");
        }
    }
}

fn a_serial_is_recorded_once_and_only_if_it_was_reserved(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let draft = Draft::new("a", 1, NOW + 9, None);
    let serial = draft.record(ledger.as_mut()).expect("recorded");
    let again = ledger.record(&[draft.with(serial)], at(NOW));
    assert!(matches!(again, Err(LedgerError::NotReserved(refused)) if refused == serial));
    let unreserved = Serial::new(serial.to_u64().expect("53 bits") ^ 1).expect("in range");
    let invented = ledger.record(&[draft.with(unreserved)], at(NOW));
    assert!(matches!(invented, Err(LedgerError::NotReserved(_))));
    // A serial number cannot be in one batch twice.
    let serial = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    let twice = ledger.record(&[draft.with(serial), draft.with(serial)], at(NOW));
    assert!(matches!(twice, Err(LedgerError::NotReserved(_))));
    let mut reader = engine.reader().expect("opened");
    assert_eq!(reader.counts(at(NOW)).expect("counted").certificates, 1);
    ledger.record(&[draft.with(serial)], at(NOW)).expect("it is still reserved");
}

fn a_batch_is_recorded_whole_or_not_at_all(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let token = add_token(engine, "t", "a", NOW);
    let serials = ledger.reserve(3, CertificateFormat::Json).expect("reserved");
    let drafts = [Some(token), None, Some(token)].map(|token| Draft::new("a", 1, NOW + 9, token));
    // The first certificate spends the token of the last one.
    let batch: Vec<_> = drafts.iter().zip(&serials).map(|(draft, serial)| draft.with(*serial)).collect();
    let refused = ledger.record(&batch, at(NOW));
    assert!(matches!(refused, Err(LedgerError::TokenSpent(name)) if name == id("a")));
    let mut reader = engine.reader().expect("opened");
    let untouched = LedgerCounts { live_tokens: 1, ..LedgerCounts::default() };
    assert_eq!(reader.counts(at(NOW)).expect("counted"), untouched);
    // The serial numbers are still reserved, and the token can still be used.
    ledger.record(&batch[..2], at(NOW)).expect("recorded");
    let after = LedgerCounts {
        certificates: 2,
        live_certificates: 2,
        ending_in_a_week: 2,
        ending_in_a_month: 2,
        ..LedgerCounts::default()
    };
    assert_eq!(reader.counts(at(NOW)).expect("counted"), after);
}

fn a_name_belongs_to_the_newest_live_certificate(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let names = [id("b"), id("a"), id("nobody")];
    let holders = |ledger: &mut dyn Ledger, time| {
        let inquiries = names.each_ref().map(|name| Inquiry {
            subject_id: name.as_id(),
            subject_key: &[1; 32],
            token: None,
            renews: None,
        });
        let facts = ledger.facts(&inquiries, at(time)).expect("read");
        facts.into_iter().map(|facts| facts.expect("a sound row").holder).collect::<Vec<_>>()
    };
    let held = |byte: u8| Some(key(byte).to_vec());
    assert_eq!(holders(ledger.as_mut(), NOW), [None, None, None]);
    for (subject, byte, end) in [("a", 1, NOW + 20), ("b", 9, NOW + 20), ("a", 2, NOW + 10)] {
        Draft::new(subject, byte, end, None).record(ledger.as_mut()).expect("recorded");
    }
    assert_eq!(holders(ledger.as_mut(), NOW + 10), [held(9), held(2), None]);
    assert_eq!(holders(ledger.as_mut(), NOW + 11), [held(9), held(1), None]);
    assert_eq!(holders(ledger.as_mut(), NOW + 21), [None, None, None]);
}

/// The facts for a request of `a`.
fn facts(ledger: &mut dyn Ledger, byte: u8, token: Option<TokenHash>, time: u64) -> LedgerFacts {
    let subject = id("a");
    let inquiry = Inquiry { subject_id: subject.as_id(), subject_key: &key(byte), token, renews: None };
    let mut facts = ledger.facts(&[inquiry], at(time)).expect("read");
    facts.remove(0).expect("a sound row")
}

fn the_same_request_gets_its_earlier_certificate(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let token = add_token(engine, "t", "a", NOW + 5);
    assert!(facts(ledger.as_mut(), 1, Some(token), NOW).token_live);
    let with_token = Draft::new("a", 1, NOW + 9, Some(token)).record(ledger.as_mut()).expect("recorded");
    let without = Draft::new("a", 1, NOW + 9, None).record(ledger.as_mut()).expect("recorded");
    let earlier = |ledger: &mut dyn Ledger, byte, token, time| {
        facts(ledger, byte, token, time).earlier.map(|record| record.serial)
    };
    let ledger = ledger.as_mut();
    // A request with the token and a request without it have their own certificates.
    assert_eq!(earlier(ledger, 1, Some(token), NOW), Some(with_token));
    assert_eq!(earlier(ledger, 1, None, NOW), Some(without));
    // This holds until the token or the certificate expires.
    assert_eq!(earlier(ledger, 1, Some(token), NOW + 5), Some(with_token));
    assert_eq!(earlier(ledger, 1, Some(token), NOW + 6), None);
    assert_eq!(earlier(ledger, 1, None, NOW + 9), Some(without));
    assert_eq!(earlier(ledger, 1, None, NOW + 10), None);
    for (byte, token) in [(2, Some(token)), (2, None), (1, Some(TokenHash::of("unknown")))] {
        assert_eq!(earlier(ledger, byte, token, NOW), None);
    }
    assert!(!facts(ledger, 1, Some(token), NOW).token_live, "the token is spent");
}

fn a_certificate_of_another_format_is_recorded_and_found_in_the_same_way(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    // A SubjectPublicKeyInfo of P-256 has 91 bytes. DER is not text.
    let (key, der) = ([0x30; 91], [0x30, 0x82, 0xff, 0x00, 0xfe]);
    let draft = Draft { key: key.to_vec(), ..Draft::new("console", 0, NOW + 9, None) };
    // The ledger is open to issue meanwhile.
    let mut recorder = engine.recorder(at(NOW)).expect("opened");
    let serial = recorder.reserve(1, CertificateFormat::X509).expect("reserved")[0];
    let new = draft.with(serial);
    let new = minipki_ca::NewCertificate { format: CertificateFormat::X509, certificate: &der, ..new };
    recorder.record(&[new], at(NOW)).expect("recorded");
    assert!(matches!(recorder.record(&[new], at(NOW)), Err(LedgerError::NotReserved(_))));
    let mut reader = engine.reader().expect("opened");
    let record = reader.find_by_serial(serial).expect("read").expect("found");
    assert_eq!((record.format, &record.certificate[..]), (CertificateFormat::X509, &der[..]));
    assert_eq!(record.subject_key, key);
    assert_eq!(reader.find_by_key(&key).expect("read"), std::slice::from_ref(&record));
    let search = minipki_ca::ports::Search {
        key: Some(vec![0x30; 2]..=vec![0x30, 0x30, 0xff]),
        limit: 9,
        ..Default::default()
    };
    assert_eq!(reader.search(&search).expect("found").records, [record]);
    // An X.509 certificate has no effect on the owner of a name, and answers no request.
    let name = id("console");
    let inquiry = Inquiry { subject_id: name.as_id(), subject_key: &key, token: None, renews: None };
    let facts = ledger.facts(&[inquiry], at(NOW)).expect("read").remove(0).expect("a sound row");
    assert_eq!((facts.holder, facts.earlier), (None, None));
    Draft::new("b", 1, NOW + 9, None).record(ledger.as_mut()).expect("recorded");
    assert!(matches!(engine.recorder(at(NOW - 3600)), Err(LedgerError::Clock(_))), "the clock was set back");
    let serial = recorder.reserve(1, CertificateFormat::X509).expect("reserved")[0];
    let beside = Draft { key: key.to_vec(), ..Draft::new("b", 0, NOW + 9, None) };
    let beside = minipki_ca::NewCertificate { format: CertificateFormat::X509, ..beside.with(serial) };
    recorder.record(&[beside], at(NOW)).expect("recorded");
    let name = id("b");
    let inquiry =
        Inquiry { subject_id: name.as_id(), subject_key: &crate::key(1), token: None, renews: None };
    let facts = ledger.facts(&[inquiry], at(NOW)).expect("read").remove(0).expect("a sound row");
    assert_eq!(facts.holder, Some(crate::key(1).to_vec()));
    assert!(facts.earlier.is_some());
}
