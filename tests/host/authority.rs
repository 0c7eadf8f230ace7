//! The rules of the authority, one by one.

use minipki_ca::{Enrolment, Issued, Policy, Refused, Token, TokenHash};
use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::Portable;
use minipki_core::time::Now;
use minipki_core::trust::{RevocationCheck, Validity};
use minipki_fixtures::certificates::x25519_key;
use minipki_tests::ca::{TestAuthority, at, classic, id, key, proven};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;
const END: u64 = NOW + 90 * DAY;

fn open() -> Policy {
    Policy { enrolment: Enrolment::Open, ..Policy::default() }
}

fn ca() -> TestAuthority {
    TestAuthority::new(Policy::default())
}

fn refused(answer: Result<Issued, Refused>) -> Refused {
    answer.expect_err("must be refused")
}

/// The tokens that the authority tries against a proof of this key for the subject `a`.
fn tokens(ca: &mut TestAuthority, byte: u8) -> Vec<TokenHash> {
    ca.tokens_tried("a", byte, NOW).expect("read")
}

#[test]
fn an_issued_certificate_verifies_and_is_in_the_ledger() {
    let mut ca = ca();
    let anchor = Anchor::from_key(Portable::new(), id("ca").as_id(), ca.authority.public_key().clone());
    let issued = ca.issue(proven("device-1", 7, None), NOW).expect("issued");

    let certificate = Certificate::parse(&issued.certificate).expect("canonical");
    let verified = cert::verify(
        Portable::new(),
        &anchor,
        &certificate,
        Now::Exact(at(NOW)),
        RevocationCheck::NotChecked,
    )
    .expect("ours");
    let certificate = verified.certificate();
    assert_eq!(certificate.issuer_id().as_str(), "ca");
    assert_eq!(certificate.subject_id().as_str(), "device-1");
    assert_eq!(certificate.subject_key(), &x25519_key(key(7)));
    assert_eq!(certificate.serial_number(), issued.serial);
    assert_eq!(certificate.validity(), Validity::new(at(NOW - 300), at(END)).expect("in order"));

    let record = ca.reader().find_by_serial(issued.serial).expect("read").expect("recorded");
    assert_eq!(record.certificate, issued.certificate);
    assert_eq!(record.subject_id, id("device-1"));
    assert_eq!(record.subject_key, key(7));
    assert_eq!(record.validity, certificate.validity());
}

#[test]
fn the_classic_form_is_served_only_where_enrolment_is_open() {
    assert_eq!(refused(ca().issue(classic("a", 1), NOW)), Refused::ClassicNotServed);
    TestAuthority::new(open()).issue(classic("a", 1), NOW).expect("open");
    let both = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    assert_eq!(refused(TestAuthority::new(both).issue(classic("a", 1), NOW)), Refused::ClassicNotServed);
}

#[test]
fn each_certificate_uses_a_token_where_tokens_are_required() {
    let mut ca = TestAuthority::new(Policy { enrolment: Enrolment::Token, ..Policy::default() });
    assert_eq!(refused(ca.issue(proven("a", 1, None), NOW)), Refused::TokenRequired);
    let token = ca.add_token("t", "a", NOW);
    ca.issue(proven("a", 1, Some(token)), NOW).expect("with a token");
    assert_eq!(refused(ca.issue(proven("a", 2, Some(token)), NOW)), Refused::TokenInvalid);
    // A renewal needs one too.
    assert_eq!(refused(ca.issue(proven("a", 1, None), NOW)), Refused::TokenRequired);
}

#[test]
fn a_token_is_for_one_subject_one_time_and_one_use() {
    let mut ca = ca();
    let token = ca.add_token("t", "a", NOW);
    let wrong = [
        ("another subject's", proven("b", 1, Some(token)), NOW),
        ("expired", proven("a", 1, Some(token)), NOW + 1),
        ("unknown", proven("a", 1, Some(TokenHash::of("other"))), NOW),
    ];
    for (case, request, now) in wrong {
        assert_eq!(refused(ca.issue(request, now)), Refused::TokenInvalid, "{case}");
    }
    assert_eq!(tokens(&mut ca, 1), [token]);
    ca.issue(proven("a", 1, Some(token)), NOW).expect("right");
    assert_eq!(tokens(&mut ca, 2), []);
    assert_eq!(refused(ca.issue(proven("a", 2, Some(token)), NOW)), Refused::TokenInvalid);
}

#[test]
fn a_name_in_use_is_not_given_to_another_key() {
    let mut ca = TestAuthority::new(open());
    ca.issue(proven("a", 1, None), NOW).expect("the first");
    for request in [proven("a", 2, None), classic("a", 2)] {
        assert_eq!(refused(ca.issue(request.clone(), NOW)), Refused::SubjectTaken);
        assert_eq!(refused(ca.issue(request, END)), Refused::SubjectTaken, "to the last second");
    }
    ca.issue(proven("a", 1, None), NOW + DAY).expect("the same key renews");
    assert_eq!(refused(ca.issue(proven("a", 2, None), END + DAY)), Refused::SubjectTaken);
    ca.issue(proven("a", 2, None), END + DAY + 1).expect("the name is free again");
    ca.issue(proven("A", 3, None), NOW).expect("names differ by case");
}

#[test]
fn a_token_moves_a_name_to_another_key_for_good() {
    let mut ca = ca();
    ca.issue(proven("a", 1, None), NOW).expect("the first");
    let token = ca.add_token("t", "a", NOW);
    ca.issue(proven("a", 2, Some(token)), NOW).expect("moved");
    assert_eq!(refused(ca.issue(proven("a", 1, None), NOW)), Refused::SubjectTaken);
    ca.issue(proven("a", 2, None), NOW).expect("its new key renews");
}

#[test]
fn the_classic_form_cannot_use_a_token() {
    // The classic form has no proof. An unused token does not free the name for it.
    let mut ca = TestAuthority::new(open());
    ca.issue(proven("a", 1, None), NOW).expect("the first");
    let token = ca.add_token("t", "a", NOW);
    assert_eq!(refused(ca.issue(classic("a", 2), NOW)), Refused::SubjectTaken);
    assert_eq!(tokens(&mut ca, 2), [token]);
}

#[test]
fn a_certificate_beyond_the_last_year_is_not_issued() {
    let mut ca = ca();
    let last = minipki_core::time::UnixTime::MAX.get();
    // The refusal is temporary, because the clock may be wrong.
    assert_eq!(refused(ca.issue(proven("a", 1, None), last)), Refused::Busy);
    assert_eq!(ca.reader().counts(at(NOW)).expect("counted").certificates, 0);
    ca.issue(proven("a", 1, None), last - 90 * DAY).expect("just in time");
}

#[test]
fn a_token_is_128_random_bits_in_one_spelling_and_never_shown() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let token = Token::generate(&mut rng).expect("infallible");
    let other = Token::generate(&mut rng).expect("infallible");
    assert_eq!(token.text().len(), 32);
    assert!(token.text().bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)));
    assert_ne!(token.text(), other.text());
    assert_eq!(token.hash(), TokenHash::of(token.text()));
    assert_eq!(format!("{token:?} {:?}", token.hash()), "Token TokenHash");
}
