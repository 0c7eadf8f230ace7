//! The keys of the CA: a change of the key, and the certificates, statuses and lists of each key.

use minipki_ca::ports::{CertificateFormat, IssuerKey, IssuerKeyUse, Ledger, LedgerError, NewCertificate};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, RevocationReason, Serial};

use crate::revocation::{issue, revoke, revoked};
use crate::{Draft, Engine, FIRST_KEY, NOW, at, key, on_each_engine};
use RevocationReason::{CertificateHold, KeyCompromise, Superseded};

on_each_engine! {
    a_new_ledger_has_the_first_key
    certificates_statuses_and_lists_belong_to_the_key_that_has_signed
    a_key_without_certificates_has_none_after_the_next_change
    a_known_key_and_a_key_without_an_update_are_refused
}

pub(crate) fn issuer_key(byte: u8) -> IssuerKey {
    IssuerKey {
        fingerprint: Fingerprint(key(byte)),
        not_before: at(NOW + u64::from(byte)),
        update: Some(format!("{{\"key\":{byte}}}").into_bytes()),
    }
}

fn first_key() -> IssuerKey {
    IssuerKey { fingerprint: FIRST_KEY, not_before: UnixTime::MIN, update: None }
}

fn stated(ledger: &mut dyn Ledger, serials: &[Serial]) -> (u64, Vec<(CertStatus, Fingerprint)>) {
    let (number, stated) = ledger.statuses(serials).expect("read");
    let stated = stated.into_iter().map(|stated| stated.expect("a sound row"));
    (number, stated.map(|stated| (stated.status, stated.issuer_key)).collect())
}

fn a_new_ledger_has_the_first_key(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    assert_eq!(ledger.issuer_keys().expect("read"), [first_key()]);
    let mut reader = engine.reader().expect("opened");
    let no_use = IssuerKeyUse { key: first_key(), certificates: 0, last_end: None };
    assert_eq!(reader.issuer_keys().expect("read"), [no_use]);
    let serial = issue(ledger.as_mut(), "a", 1);
    let used = IssuerKeyUse { key: first_key(), certificates: 1, last_end: Some(at(NOW + 20)) };
    assert_eq!(reader.issuer_keys().expect("read"), [used]);
    assert_eq!(stated(ledger.as_mut(), &[serial]), (0, vec![(CertStatus::Good, FIRST_KEY)]));
}

fn certificates_statuses_and_lists_belong_to_the_key_that_has_signed(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let [a, b] = [("a", 1), ("b", 2)].map(|(name, byte)| issue(ledger.as_mut(), name, byte));
    let unused = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    revoke(ledger.as_mut(), a, Superseded, NOW).expect("revoked");
    ledger.change_key(&issuer_key(2), at(NOW)).expect("changed");
    let c = issue(ledger.as_mut(), "c", 3);
    let x509 = ledger.reserve(1, CertificateFormat::X509).expect("reserved")[0];
    let draft = Draft::new("a", 9, NOW + 99, None);
    let new = NewCertificate { format: CertificateFormat::X509, ..draft.with(x509) };
    ledger.record(&[new], at(NOW)).expect("recorded");
    drop(ledger);
    // The next start, and another change.
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    ledger.change_key(&issuer_key(3), at(NOW)).expect("changed");
    let d = issue(ledger, "d", 4);
    // A serial number that was reserved before a change is by the key at its record.
    let draft = Draft::new("e", 5, NOW + 1, None);
    ledger.record(&[draft.with(unused)], at(NOW)).expect("recorded");
    revoke(ledger, b, CertificateHold, NOW + 1).expect("held");
    revoke(ledger, x509, Superseded, NOW + 1).expect("revoked");
    revoke(ledger, d, KeyCompromise, NOW + 1).expect("revoked");

    let mut keys = vec![first_key(), issuer_key(2), issuer_key(3)];
    assert_eq!(ledger.issuer_keys().expect("read"), keys);
    let unknown = ledger.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    let [first, second, third] = [1, 2, 3].map(|byte| Fingerprint(key(byte)));
    let expected = vec![
        (CertStatus::Good, third),
        (revoked(Superseded, NOW), first),
        (revoked(CertificateHold, NOW + 1), first),
        (CertStatus::Good, second),
        (revoked(Superseded, NOW + 1), second),
        (revoked(KeyCompromise, NOW + 1), third),
        (CertStatus::Unknown, third),
    ];
    assert_eq!(stated(ledger, &[unused, a, b, c, x509, d, unknown]), (4, expected));

    let mut reader = engine.reader().expect("opened");
    let mut listed = |key, after, limit| -> Vec<_> {
        let page = reader.list_revoked(key, after, limit).expect("listed");
        assert_eq!(page.number, 4);
        page.revoked.iter().map(|row| row.serial).collect()
    };
    let mut both = [a, b];
    both.sort();
    assert_eq!(listed(Some(first), None, 9), both);
    assert_eq!(listed(Some(first), None, 1), both[..1]);
    assert_eq!(listed(Some(first), Some(both[0]), 9), both[1..]);
    assert_eq!(listed(Some(second), None, 9), [x509]);
    assert_eq!(listed(Some(third), None, 9), [d]);
    assert_eq!(listed(None, None, 9).len(), 4);
    let stranger = Fingerprint(key(7));
    let refused = reader.list_revoked(Some(stranger), None, 9);
    assert!(matches!(refused, Err(LedgerError::UnknownKey(key)) if key == stranger), "{refused:?}");

    let ends = [NOW + 20, NOW + 99, NOW + 20];
    let uses: Vec<_> = keys
        .drain(..)
        .zip(ends)
        .map(|(key, end)| IssuerKeyUse { key, certificates: 2, last_end: Some(at(end)) })
        .collect();
    assert_eq!(reader.issuer_keys().expect("read"), uses);
}

fn a_key_without_certificates_has_none_after_the_next_change(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    ledger.change_key(&issuer_key(2), at(NOW)).expect("changed");
    ledger.change_key(&issuer_key(3), at(NOW)).expect("changed again");
    let serial = issue(ledger.as_mut(), "a", 1);
    let by_third = (CertStatus::Good, Fingerprint(key(3)));
    assert_eq!(stated(ledger.as_mut(), &[serial]), (0, vec![by_third]));
    let mut reader = engine.reader().expect("opened");
    let uses = reader.issuer_keys().expect("read");
    let uses: Vec<_> = uses.iter().map(|one| (one.certificates, one.last_end)).collect();
    assert_eq!(uses, [(0, None), (0, None), (1, Some(at(NOW + 20)))]);
    revoke(ledger.as_mut(), serial, Superseded, NOW).expect("revoked");
    let mut listed =
        |byte| reader.list_revoked(Some(Fingerprint(key(byte))), None, 9).expect("read").revoked.len();
    assert_eq!([1, 2, 3].map(&mut listed), [0, 0, 1]);
}

fn a_known_key_and_a_key_without_an_update_are_refused(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    ledger.change_key(&issuer_key(2), at(NOW)).expect("changed");
    for byte in [1, 2] {
        let refused = ledger.change_key(&issuer_key(byte), at(NOW));
        let known = Fingerprint(key(byte));
        assert!(matches!(refused, Err(LedgerError::KeyKnown(key)) if key == known), "{refused:?}");
    }
    let bare = IssuerKey { update: None, ..issuer_key(3) };
    let refused = ledger.change_key(&bare, at(NOW));
    assert!(matches!(refused, Err(LedgerError::NoUpdate(key)) if key == bare.fingerprint), "{refused:?}");
    assert_eq!(ledger.issuer_keys().expect("read"), [first_key(), issuer_key(2)]);
    drop(ledger);
    assert_eq!(engine.ledger().issuer_keys().expect("read"), [first_key(), issuer_key(2)]);
}
