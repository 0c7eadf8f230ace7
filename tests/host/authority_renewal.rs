//! The decisions of an authority on renewals, revocations and statuses.

use std::num::NonZeroU32;
use std::time::Duration;

use minipki_ca::ports::RevocationChange;
use minipki_ca::{
    CertificationRequest, HolderCheck, Issued, Policy, RateLimits, Refused, RequestProof, RevocationRequest,
    Source, StatusRequest,
};
use minipki_core::cert::Status;
use minipki_core::crypto::x25519;
use minipki_core::keys::Fingerprint;
use minipki_core::trust::{CertStatus, RevocationReason, Serial};
use minipki_fixtures::certificates::x25519_key;
use minipki_tests::ca::{TestAuthority, at, id, key, proven};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;

/// A proof that was made with this key.
struct By(u8);

impl HolderCheck for By {
    fn proves(&self, _: &[Fingerprint], holder: &x25519::PublicKey) -> bool {
        *holder == x25519_key(key(self.0))
    }
}

/// Renews `serial` of `subject`, by a proof of the key `by`, for the key `new`.
fn renew(
    ca: &mut TestAuthority,
    subject: &str,
    serial: Serial,
    [by, new]: [u8; 2],
    now: u64,
) -> Result<Issued, Refused> {
    let request = CertificationRequest {
        subject_id: id(subject),
        subject_key: x25519_key(key(new)),
        proof: RequestProof::Renewal { serial, proof: Box::new(By(by)) },
        source: None,
    };
    let request = ca.authority.check_possession(request, at(now))?;
    ca.issue(request, now)
}

/// Revokes as an operator.
fn revoke(ca: &TestAuthority, serial: Serial, reason: RevocationReason, now: u64) {
    let mut book = ca.storage.revocations(at(now)).expect("opened");
    let outcomes = book.revoke(&[RevocationChange::new(serial, reason, "an operator")], at(now));
    outcomes.expect("written").remove(0).expect("changed");
}

/// An authority with a certificate of `a` for the key 1.
fn with_certificate(policy: Policy) -> (TestAuthority, Serial) {
    let mut ca = TestAuthority::new(policy);
    let serial = ca.issue(proven("a", 1, None), NOW).expect("issued").serial;
    (ca, serial)
}

#[test]
fn a_renewal_needs_the_current_key_and_the_right_subject() {
    let (mut ca, serial) = with_certificate(Policy::default());
    assert_eq!(renew(&mut ca, "a", serial, [2, 3], NOW), Err(Refused::ProofFailed));
    assert_eq!(renew(&mut ca, "b", serial, [1, 3], NOW), Err(Refused::UnknownCertificate));
    let other = Serial::new(12345).expect("a number");
    assert_eq!(renew(&mut ca, "a", other, [1, 3], NOW), Err(Refused::UnknownCertificate));
    let renewed = renew(&mut ca, "a", serial, [1, 3], NOW).expect("renewed");
    assert!(!renewed.repeated && renewed.serial != serial);
    let record = ca.reader().find_by_serial(renewed.serial).expect("read").expect("recorded");
    assert_eq!((record.renews, record.issued), (Some(serial), Some(at(NOW))));
}

#[test]
fn a_lost_renewal_answer_is_repeated_also_when_it_has_superseded() {
    for revoke_superseded in [false, true] {
        let (mut ca, serial) = with_certificate(Policy { revoke_superseded, ..Policy::default() });
        let renewed = renew(&mut ca, "a", serial, [1, 2], NOW).expect("renewed");
        let former = ca.reader().find_by_serial(serial).expect("read").expect("recorded");
        assert_eq!(former.revocation.is_some(), revoke_superseded);
        // Also long after a day, and after the end of the former certificate.
        for later in [NOW, NOW + 2 * DAY, NOW + 89 * DAY] {
            let again = renew(&mut ca, "a", serial, [1, 2], later).expect("repeated");
            assert_eq!(again, Issued { repeated: true, ..renewed.clone() });
        }
    }
}

#[test]
fn two_renewals_with_different_keys_do_not_both_get_the_name() {
    let (mut ca, serial) = with_certificate(Policy::default());
    let mut request = |new| {
        let request = CertificationRequest {
            subject_id: id("a"),
            subject_key: x25519_key(key(new)),
            proof: RequestProof::Renewal { serial, proof: Box::new(By(1)) },
            source: None,
        };
        ca.authority.check_possession(request, at(NOW)).expect("proven")
    };
    let batch = [request(2), request(3)];
    let answers = ca.authority.issue_many(&batch, at(NOW));
    assert!(answers[0].is_ok() && answers[1] == Err(Refused::SubjectTaken), "{answers:?}");
    // In a later batch too. The present holder can renew again, also with its own key.
    assert_eq!(renew(&mut ca, "a", serial, [1, 3], NOW), Err(Refused::SubjectTaken));
    let second = answers[0].as_ref().expect("issued").serial;
    let third = renew(&mut ca, "a", second, [2, 2], NOW).expect("the same key again");
    renew(&mut ca, "a", third.serial, [2, 4], NOW).expect("renewed");
}

#[test]
fn a_revoked_held_or_long_expired_certificate_is_not_renewed() {
    for reason in [RevocationReason::Superseded, RevocationReason::CertificateHold] {
        let (mut ca, serial) = with_certificate(Policy::default());
        revoke(&ca, serial, reason, NOW);
        assert_eq!(renew(&mut ca, "a", serial, [1, 2], NOW), Err(Refused::Revoked), "{reason}");
    }
    let end = NOW + 90 * DAY;
    for (grace, within) in [(7 * DAY, end + 7 * DAY), (0, end)] {
        let renewal_grace = Duration::from_secs(grace);
        let (mut ca, serial) = with_certificate(Policy { renewal_grace, ..Policy::default() });
        assert_eq!(renew(&mut ca, "a", serial, [1, 2], within + 1), Err(Refused::Expired));
        renew(&mut ca, "a", serial, [1, 2], within).expect("within the grace");
    }
}

#[test]
fn within_the_grace_a_name_that_was_given_away_is_not_taken_back() {
    let (mut ca, serial) = with_certificate(Policy::default());
    let after = NOW + 91 * DAY;
    ca.issue(proven("a", 5, None), after).expect("the name is free");
    assert_eq!(renew(&mut ca, "a", serial, [1, 2], after), Err(Refused::SubjectTaken));
}

#[test]
fn a_compromised_key_gets_and_renews_no_certificate() {
    let (mut ca, serial) = with_certificate(Policy::default());
    let other = ca.issue(proven("b", 1, None), NOW).expect("a second name of the key").serial;
    revoke(&ca, serial, RevocationReason::KeyCompromise, NOW);
    assert_eq!(ca.issue(proven("a", 1, None), NOW), Err(Refused::KeyCompromised));
    assert_eq!(ca.issue(proven("c", 1, None), NOW), Err(Refused::KeyCompromised));
    assert_eq!(renew(&mut ca, "b", other, [1, 2], NOW), Err(Refused::KeyCompromised));
    // The name is free for another key.
    ca.issue(proven("a", 2, None), NOW).expect("issued");
}

#[test]
fn a_holder_cannot_turn_a_hold_into_a_revocation() {
    let (mut ca, serial) = with_certificate(Policy::default());
    let mut by_holder = |reason, key| {
        let request = RevocationRequest { serial, reason, proof: Box::new(By(key)) };
        ca.authority.revoke(&request, at(NOW)).map(|outcome| outcome.changed)
    };
    assert_eq!(by_holder(RevocationReason::Superseded, 2), Err(Refused::ProofFailed));
    assert_eq!(by_holder(RevocationReason::CertificateHold, 1), Ok(true));
    assert_eq!(by_holder(RevocationReason::CertificateHold, 1), Ok(false));
    for reason in
        [RevocationReason::Superseded, RevocationReason::KeyCompromise, RevocationReason::RemoveFromHold]
    {
        assert_eq!(by_holder(reason, 1), Err(Refused::HoldByOperator), "{reason}");
    }
    assert_eq!(ca.issue(proven("a", 2, None), NOW), Err(Refused::Revoked), "the name is kept");
}

#[test]
fn a_hold_on_an_earlier_certificate_keeps_no_name_from_its_present_holder() {
    let (mut ca, former) = with_certificate(Policy::default());
    let token = ca.add_token("t", "a", NOW);
    let present = ca.issue(proven("a", 2, Some(token)), NOW).expect("moved").serial;
    // The thief of the former key puts its own certificate on hold.
    revoke(&ca, former, RevocationReason::CertificateHold, NOW);
    renew(&mut ca, "a", present, [2, 3], NOW).expect("renewed");
    let token = ca.add_token("u", "a", NOW);
    ca.issue(proven("a", 4, Some(token)), NOW).expect("moved again");
}

#[test]
fn the_lifetime_of_a_token_is_inherited_by_renewals() {
    let mut ca = TestAuthority::new(Policy::default());
    let token = minipki_ca::TokenHash::of("t");
    let mut book = ca.storage.tokens().expect("opened");
    book.add(token, id("a").as_id(), at(NOW + DAY), Some(3600), at(NOW)).expect("added");
    drop(book);
    let first = ca.issue(proven("a", 1, Some(token)), NOW).expect("issued").serial;
    let second = renew(&mut ca, "a", first, [1, 2], NOW + 1800).expect("renewed").serial;
    let end =
        |serial| ca.reader().find_by_serial(serial).expect("read").expect("recorded").validity.not_after();
    assert_eq!((end(first), end(second)), (at(NOW + 3600), at(NOW + 1800 + 3600)));
}

/// The status that the authority states, its revocation number, and whether it was stated before.
fn status(ca: &mut TestAuthority, serial: Serial, now: u64) -> (CertStatus, u64, bool) {
    let request = StatusRequest { serial, nonce: None, source: None };
    let answer = ca.authority.statuses(&[request], at(now)).remove(0).expect("stated");
    let status = Status::parse(&answer.text).expect("a status");
    assert_eq!((status.serial_number(), status.status()), (serial, answer.status));
    (status.status(), status.number(), answer.repeated)
}

#[test]
fn a_status_is_repeated_for_a_minute_unless_a_revocation_changes() {
    let (mut ca, serial) = with_certificate(Policy::default());
    let other = ca.issue(proven("b", 2, None), NOW).expect("issued").serial;
    assert_eq!(status(&mut ca, serial, NOW), (CertStatus::Good, 0, false));
    assert_eq!(status(&mut ca, serial, NOW + 60), (CertStatus::Good, 0, true));
    assert_eq!(status(&mut ca, serial, NOW + 61), (CertStatus::Good, 0, false));
    // Another program revokes another certificate: every status has the new number at once.
    revoke(&ca, other, RevocationReason::Unspecified, NOW + 61);
    assert_eq!(status(&mut ca, serial, NOW + 61), (CertStatus::Good, 1, false));
    assert!(matches!(status(&mut ca, other, NOW + 61), (CertStatus::Revoked(_), 1, false)));
    let unknown = Serial::new(7).expect("a number");
    assert_eq!(status(&mut ca, unknown, NOW + 61), (CertStatus::Unknown, 1, false));
    assert!(!status(&mut ca, unknown, NOW + 61).2, "an invented number is not kept");
}

#[test]
fn a_source_has_an_hourly_limit_of_statuses() {
    let rates = RateLimits { statuses: NonZeroU32::new(2), ..RateLimits::NONE };
    let (mut ca, serial) = with_certificate(Policy { rates, ..Policy::default() });
    let source = Some(Source::from(std::net::IpAddr::from([192, 0, 2, 1])));
    let mut ask = |nonce: Option<u8>, source| {
        let request = StatusRequest { serial, nonce: nonce.map(|byte| [byte; 32]), source };
        ca.authority.statuses(&[request], at(NOW)).remove(0).map(|answer| answer.repeated)
    };
    assert_eq!(ask(None, source), Ok(false));
    assert_eq!(ask(None, source), Ok(true), "a repeated status does not count");
    assert_eq!(ask(Some(1), source), Ok(false));
    assert_eq!(ask(Some(2), source), Err(Refused::RateLimited));
    assert_eq!(ask(None, source), Ok(true));
    assert_eq!(ask(Some(3), None), Ok(false), "other sources are not affected");
}
