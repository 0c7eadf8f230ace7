//! The revocation status in the verification of a certificate: genuine statuses, policies, and the order of the checks.

use std::sync::LazyLock;

use minipki_core::cert::{
    Anchor, Certificate, Error, Status, TbsStatus, attach_signature, verify, verify_status,
};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::{self, KeySize};
use minipki_core::limits::STATUS;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{
    CertStatus, Check, RevocationCheck, RevocationReason, RevocationStatus, STATUS_SKEW, Serial, StatusError,
    StatusPolicy, StatusRule, ValidityError,
};
use minipki_fixtures::certificates::{NOW, anchor, id, issue, sample, sign, time};
use minipki_fixtures::rsa_keys::{SIZES, public};
use minipki_fixtures::statuses::{NUMBER, encode, good, revocation, state};

const SIZE: KeySize = KeySize::Bits2048;
const DAY: u64 = 24 * 60 * 60;
const RULES: [StatusRule; 3] = [StatusRule::Optional, StatusRule::Required, StatusRule::MaxAge(DAY)];

const fn rule(rule: StatusRule) -> StatusPolicy {
    StatusPolicy { rule, lowest_number: 0 }
}

fn now() -> Now {
    Now::Exact(time(NOW))
}

/// The time this number of seconds after the tests' present.
fn later(seconds: i64) -> UnixTime {
    UnixTime::new(time(NOW).get().checked_add_signed(seconds).expect("in range")).expect("in range")
}

/// Verifies the sample certificate with `status`, and returns the knowledge about its revocation.
fn check(status: Option<&[u8]>, policy: StatusPolicy, now: Now) -> Result<RevocationStatus, Error> {
    static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| issue(&sample(&public(SIZE)), SIZE));
    let certificate = Certificate::parse(&CERTIFICATE)?;
    let revocation = RevocationCheck::Status { status, policy };
    verify(Portable::new(), &anchor(SIZE), &certificate, now, revocation)
        .map(|verified| verified.revocation())
}

/// The same with a status of these fields.
fn check_fields(fields: &TbsStatus<'_>, policy: StatusPolicy, now: Now) -> Result<RevocationStatus, Error> {
    check(Some(&state(fields, SIZE)), policy, now)
}

fn known(fields: &TbsStatus<'_>) -> RevocationStatus {
    let TbsStatus { this_update, next_update, number, .. } = *fields;
    RevocationStatus::Good { this_update, next_update, number }
}

fn with(status: CertStatus) -> TbsStatus<'static> {
    TbsStatus { status, ..good(SIZE) }
}

#[test]
fn a_good_status_is_accepted_and_reported_under_every_rule_and_key_size() {
    for size in SIZES {
        let (key, fields) = (public(size), good(size));
        let (text, status) = (issue(&sample(&key), size), state(&fields, size));
        let certificate = Certificate::parse(&text).expect("well formed");
        for anchor in [anchor(size), Anchor::from_fingerprint(fields.issuer_key)] {
            for policy in RULES.map(rule) {
                let revocation = RevocationCheck::Status { status: Some(&status), policy };
                let verified =
                    verify(Portable::new(), &anchor, &certificate, now(), revocation).expect("good");
                assert_eq!((verified.revocation(), verified.time_certain()), (known(&fields), true));
            }
        }
    }
    let certificate = issue(&sample(&public(SIZE)), SIZE);
    let certificate = Certificate::parse(&certificate).expect("well formed");
    let unchecked = verify(Portable::new(), &anchor(SIZE), &certificate, now(), RevocationCheck::NotChecked);
    assert_eq!(unchecked.expect("valid").revocation(), RevocationStatus::NotChecked);
}

#[test]
fn a_status_of_another_certificate_issuer_or_key_is_refused_under_every_rule() {
    let other = KeySize::Bits3072;
    let serial = TbsStatus { serial_number: Serial::new(4_243).expect("in range"), ..good(SIZE) };
    let name = TbsStatus { issuer_id: id("other-ca"), ..good(SIZE) };
    let text = encode(&good(SIZE));
    let mut out = [0; STATUS];
    let forged = attach_signature(&text, &sign(&text, other, other.max_salt()), &mut out).expect("room");
    for policy in RULES.map(rule) {
        let refused =
            |status: &[u8]| check(Some(status), policy, now()).expect_err("not of this certificate");
        assert_eq!(refused(&state(&serial, SIZE)), Error::StatusSerial);
        assert_eq!(refused(&state(&name, SIZE)), Error::StatusIssuer);
        // Another key of a CA with the same name says so, or signs in the name of the right key.
        assert_eq!(refused(&state(&good(other), other)), Error::StatusIssuer);
        let wrong = refused(forged);
        assert_eq!(wrong, Error::StatusSignature(rsa::Error::SignatureLength));
        assert_eq!(wrong.check(), Some(Check::Status));
        assert!(matches!(refused(b"{}"), Error::StatusJson(_)));
    }
}

#[test]
fn a_status_with_any_one_byte_changed_is_refused_under_every_rule() {
    let good = state(&good(SIZE), SIZE);
    for at in 0..good.len() {
        for other in [good[at] ^ 1, good[at] ^ 0x20, b'A', b'0'] {
            if other != good[at] {
                let mut text = good.clone();
                text[at] = other;
                let result = check(Some(&text), rule(StatusRule::Optional), now());
                assert!(result.is_err_and(|error| error.check() == Some(Check::Status)), "byte {at}");
            }
        }
    }
}

#[test]
fn a_status_of_the_future_is_refused_beyond_the_skew() {
    let fields = |seconds: u64| TbsStatus {
        this_update: later(seconds as i64),
        next_update: later((seconds + DAY) as i64),
        ..good(SIZE)
    };
    let required = rule(StatusRule::Required);
    let ahead = fields(STATUS_SKEW);
    assert_eq!(check_fields(&ahead, required, now()), Ok(known(&ahead)));
    let future = fields(STATUS_SKEW + 1);
    let error = StatusError::NotYet { now: time(NOW), this_update: future.this_update };
    assert_eq!(check_fields(&future, required, now()), Err(Error::Status(error)));
    // The status that was made before the certificate's use is older than no lower bound of the time.
    assert_eq!(check_fields(&future, required, Now::AtLeast(time(NOW))), Ok(known(&future)));
}

#[test]
fn a_status_is_used_until_its_end_and_up_to_the_age_of_the_policy() {
    let fields = good(SIZE);
    let (required, next_update) = (rule(StatusRule::Required), fields.next_update);
    let late = next_update.checked_add_seconds(1).expect("in range");
    let outdated = Error::Status(StatusError::Outdated { now: late, next_update });
    for (end, after) in
        [(Now::Exact(next_update), Now::Exact(late)), (Now::AtLeast(next_update), Now::AtLeast(late))]
    {
        assert_eq!(check_fields(&fields, required, end), Ok(known(&fields)));
        assert_eq!(check_fields(&fields, required, after), Err(outdated));
    }
    assert_eq!(outdated.check(), Some(Check::StatusTime));

    let age = time(NOW).get() - fields.this_update.get();
    let too_old = StatusError::TooOld { now: time(NOW), this_update: fields.this_update };
    assert_eq!(check_fields(&fields, rule(StatusRule::MaxAge(age)), now()), Ok(known(&fields)));
    assert_eq!(check_fields(&fields, rule(StatusRule::MaxAge(age - 1)), now()), Err(Error::Status(too_old)));
    // A status that is a little ahead of the clock has no age.
    let ahead = TbsStatus { this_update: later(60), ..fields };
    assert_eq!(check_fields(&ahead, rule(StatusRule::MaxAge(0)), now()), Ok(known(&ahead)));
}

#[test]
fn an_earlier_status_is_not_accepted_again() {
    let seen = |lowest_number| StatusPolicy { rule: StatusRule::Required, lowest_number };
    assert_eq!(check_fields(&good(SIZE), seen(NUMBER), now()), Ok(known(&good(SIZE))));
    let error = Error::Status(StatusError::Rollback { number: NUMBER, seen: NUMBER + 1 });
    assert_eq!(check_fields(&good(SIZE), seen(NUMBER + 1), now()), Err(error));
    assert_eq!(error.check(), Some(Check::StatusTime));
}

#[test]
fn a_certificate_that_is_revoked_or_unknown_is_refused_under_every_rule() {
    for reason in RevocationReason::all().filter(|reason| *reason != RevocationReason::RemoveFromHold) {
        let revocation = revocation(reason);
        for policy in RULES.map(rule) {
            let error = Error::Status(StatusError::Revoked(revocation));
            assert_eq!(
                check_fields(&with(CertStatus::Revoked(revocation)), policy, now()),
                Err(error),
                "{reason}"
            );
            assert_eq!(error.check(), Some(Check::Revocation));
        }
        // A status that is out of its time still tells that the certificate is revoked.
        let later = Now::Exact(time("2026-06-30T00:00:00+00:00"));
        let refused = check_fields(&with(CertStatus::Revoked(revocation)), rule(StatusRule::Optional), later);
        assert_eq!(refused, Err(Error::Status(StatusError::Revoked(revocation))));
    }
    for policy in RULES.map(rule) {
        let refused = check_fields(&with(CertStatus::Unknown), policy, now());
        assert_eq!(refused, Err(Error::Status(StatusError::Unknown)));
    }
}

#[test]
fn a_missing_status_is_refused_unless_it_is_optional() {
    let [optional, required, max_age] = RULES.map(rule);
    let missing = StatusError::Missing;
    assert_eq!(check(None, optional, now()), Ok(RevocationStatus::NoStatus(missing)));
    assert_eq!(StatusPolicy::default(), optional);
    for policy in [required, max_age] {
        assert_eq!(check(None, policy, now()), Err(Error::Status(missing)));
    }
    assert_eq!(Error::Status(missing).check(), Some(Check::Revocation));
}

#[test]
fn an_optional_status_out_of_its_time_is_reported_as_none() {
    let (at, fields) = (|seconds| Now::Exact(later(seconds)), good(SIZE));
    let TbsStatus { this_update, next_update, .. } = fields;
    let (early, late) = (later(-13 * 60 * 60), later(DAY as i64));
    let policy = StatusPolicy { rule: StatusRule::Optional, lowest_number: NUMBER };
    for (now, error) in [
        (at(-13 * 60 * 60), StatusError::NotYet { now: early, this_update }),
        (at(DAY as i64), StatusError::Outdated { now: late, next_update }),
    ] {
        assert_eq!(check_fields(&fields, policy, now), Ok(RevocationStatus::NoStatus(error)));
    }
    let policy = StatusPolicy { lowest_number: NUMBER + 2, ..policy };
    let rollback = StatusError::Rollback { number: NUMBER, seen: NUMBER + 2 };
    assert_eq!(check_fields(&fields, policy, now()), Ok(RevocationStatus::NoStatus(rollback)));
}

/// Each case fails one check and all the checks after it. The error is that of the first one.
#[test]
fn the_checks_run_in_their_order() {
    let strict = StatusPolicy { rule: StatusRule::MaxAge(1), lowest_number: NUMBER + 1 };
    let late = Now::Exact(time("2027-01-01T00:00:00+00:00"));
    let failing = |now| check_fields(&good(SIZE), strict, now).expect_err("it fails").check();
    let revoked = with(CertStatus::Revoked(revocation(RevocationReason::KeyCompromise)));
    let serial = TbsStatus { serial_number: Serial::new(1).expect("in range"), ..revoked };
    let issuer = TbsStatus { issuer_id: id("other-ca"), ..serial };
    let by_another = |fields: &TbsStatus<'_>| {
        let (text, mut out) = (encode(fields), [0; STATUS]);
        attach_signature(&text, &[1; 256], &mut out).expect("room").to_vec()
    };
    let error = |text: &[u8]| check(Some(text), strict, late).expect_err("it fails");
    assert!(matches!(error(b"{}"), Error::StatusJson(_)));
    assert_eq!(error(&by_another(&issuer)), Error::StatusIssuer);
    assert_eq!(error(&by_another(&serial)), Error::StatusSerial);
    assert!(matches!(error(&by_another(&revoked)), Error::StatusSignature(_)));
    assert!(matches!(error(&state(&revoked, SIZE)), Error::Status(StatusError::Revoked(_))));
    assert!(matches!(error(&state(&good(SIZE), SIZE)), Error::Status(StatusError::Rollback { .. })));
    let same_number = StatusPolicy { lowest_number: NUMBER, ..strict };
    let outdated = check_fields(&good(SIZE), same_number, late);
    assert!(matches!(outdated, Err(Error::Status(StatusError::Outdated { .. }))));
    assert_eq!(failing(late), Some(Check::StatusTime));
    // The validity comes last, and the certificate's own signature before any status.
    let expired = check(None, StatusPolicy::default(), late);
    assert!(matches!(expired, Err(Error::Validity(ValidityError::Expired { .. }))));
    let forged =
        String::from_utf8(issue(&sample(&public(SIZE)), SIZE)).expect("ASCII").replace("4242", "4243");
    let forged = Certificate::parse(forged.as_bytes()).expect("well formed");
    let revocation = RevocationCheck::Status { status: Some(b"{}"), policy: strict };
    let refused = verify(Portable::new(), &anchor(SIZE), &forged, late, revocation).map(drop);
    assert!(matches!(refused, Err(Error::Signature(_))));
}

#[test]
fn a_status_raises_a_lower_bound_of_the_time_for_the_validity() {
    let not_after = sample(&public(SIZE)).validity.not_after();
    let at = |this_update: UnixTime| TbsStatus {
        this_update,
        next_update: this_update.checked_add_seconds(DAY).expect("in range"),
        ..good(SIZE)
    };
    let firmware = Now::AtLeast(time("2026-05-01T00:00:00+00:00"));
    let required = rule(StatusRule::Required);
    assert_eq!(check_fields(&at(not_after), required, firmware), Ok(known(&at(not_after))));
    let after = not_after.checked_add_seconds(1).expect("in range");
    let expired = Error::Validity(ValidityError::Expired { now: after, not_after });
    assert_eq!(check_fields(&at(after), required, firmware), Err(expired));
    // A later bound of the time stays. A known time stays too, and a status that is not used raises nothing.
    let bound = Now::AtLeast(after);
    let status = TbsStatus { this_update: time(NOW), next_update: later(30 * DAY as i64), ..good(SIZE) };
    assert_eq!(check_fields(&status, required, bound), Err(expired));
    let rolled_back = StatusPolicy { rule: StatusRule::Optional, lowest_number: NUMBER + 1 };
    assert!(check_fields(&at(after), rolled_back, firmware).is_ok());
    let ahead = at(after);
    assert_eq!(check_fields(&ahead, required, Now::Exact(not_after)), Ok(known(&ahead)));
}

#[test]
fn a_status_alone_is_verified_under_an_anchor_with_its_issuer() {
    let (nonce, serial) = ([9; 32], good(SIZE).serial_number);
    let text = state(&TbsStatus { nonce: Some(nonce), ..with(CertStatus::Unknown) }, SIZE);
    let status = Status::parse(&text).expect("well formed");
    let verified = |anchor: &Anchor, serial, nonce: Option<&_>| {
        verify_status(Portable::new(), anchor, &status, serial, nonce)
    };
    assert_eq!(verified(&anchor(SIZE), serial, Some(&nonce)), Ok(()));
    for other in [None, Some(&[8; 32])] {
        assert_eq!(verified(&anchor(SIZE), serial, other), Err(Error::StatusNonce));
    }
    let next = Serial::new(4_243).expect("in range");
    assert_eq!(verified(&anchor(SIZE), next, Some(&nonce)), Err(Error::StatusSerial));
    assert_eq!(verified(&anchor(KeySize::Bits3072), serial, Some(&nonce)), Err(Error::StatusIssuer));
    let named = Anchor::from_key(Portable::new(), id("other-ca"), public(SIZE));
    assert_eq!(verified(&named, serial, Some(&nonce)), Err(Error::StatusIssuer));
    let bare = Anchor::from_fingerprint(anchor(SIZE).fingerprint());
    assert_eq!(verified(&bare, serial, Some(&nonce)), Err(Error::AnchorIncomplete));
}
