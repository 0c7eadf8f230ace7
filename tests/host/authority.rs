//! The authority's rules, one at a time.

use minipki_ca::{Enrolment, Issued, Policy, Refused, Token, TokenHash};
use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::Portable;
use minipki_core::time::Now;
use minipki_core::trust::{RevocationCheck, Validity};
use minipki_fixtures::certificates::x25519_key;
use minipki_tests::ca::{Desk, at, classic, id, key, proven};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;
const END: u64 = NOW + 90 * DAY;

fn open() -> Policy {
    Policy { enrolment: Enrolment::Open, ..Policy::default() }
}

fn desk() -> Desk {
    Desk::new(Policy::default())
}

fn refused(answer: Result<Issued, Refused>) -> Refused {
    answer.expect_err("must be refused")
}

/// The tokens that a proof of `a` with this key may have been made with.
fn tokens(desk: &mut Desk, byte: u8) -> Vec<TokenHash> {
    desk.tokens_tried("a", byte, NOW).expect("read")
}

#[test]
fn what_is_issued_verifies_and_is_in_the_ledger() {
    let mut desk = desk();
    let anchor = Anchor::from_key(Portable::new(), id("ca").as_id(), desk.authority.public_key().clone());
    let issued = desk.issue(proven("device-1", 7, None), NOW).expect("issued");

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

    let record = desk.reader().find_by_serial(issued.serial).expect("read").expect("recorded");
    assert_eq!(record.certificate, issued.certificate);
    assert_eq!(record.subject_id, id("device-1"));
    assert_eq!(record.subject_key, key(7));
    assert_eq!(record.validity, certificate.validity());
}

#[test]
fn the_classic_form_is_served_only_where_enrolment_is_open() {
    assert_eq!(refused(desk().issue(classic("a", 1), NOW)), Refused::ClassicNotServed);
    Desk::new(open()).issue(classic("a", 1), NOW).expect("open");
    let both = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    assert_eq!(refused(Desk::new(both).issue(classic("a", 1), NOW)), Refused::ClassicNotServed);
}

#[test]
fn where_tokens_are_required_each_certificate_costs_one() {
    let mut desk = Desk::new(Policy { enrolment: Enrolment::Token, ..Policy::default() });
    assert_eq!(refused(desk.issue(proven("a", 1, None), NOW)), Refused::TokenRequired);
    let token = desk.add_token("t", "a", NOW);
    desk.issue(proven("a", 1, Some(token)), NOW).expect("with a token");
    assert_eq!(refused(desk.issue(proven("a", 2, Some(token)), NOW)), Refused::TokenInvalid);
    // A renewal too.
    assert_eq!(refused(desk.issue(proven("a", 1, None), NOW)), Refused::TokenRequired);
}

#[test]
fn a_token_is_for_one_subject_one_time_and_one_use() {
    let mut desk = desk();
    let token = desk.add_token("t", "a", NOW);
    let wrong = [
        ("another subject's", proven("b", 1, Some(token)), NOW),
        ("expired", proven("a", 1, Some(token)), NOW + 1),
        ("unknown", proven("a", 1, Some(TokenHash::of("other"))), NOW),
    ];
    for (what, request, now) in wrong {
        assert_eq!(refused(desk.issue(request, now)), Refused::TokenInvalid, "{what}");
    }
    assert_eq!(tokens(&mut desk, 1), [token]);
    desk.issue(proven("a", 1, Some(token)), NOW).expect("right");
    assert_eq!(tokens(&mut desk, 2), []);
    assert_eq!(refused(desk.issue(proven("a", 2, Some(token)), NOW)), Refused::TokenInvalid);
}

#[test]
fn a_name_in_use_is_not_given_to_another_key() {
    let mut desk = Desk::new(open());
    desk.issue(proven("a", 1, None), NOW).expect("the first");
    for request in [proven("a", 2, None), classic("a", 2)] {
        assert_eq!(refused(desk.issue(request.clone(), NOW)), Refused::SubjectTaken);
        assert_eq!(refused(desk.issue(request, END)), Refused::SubjectTaken, "to the last second");
    }
    desk.issue(proven("a", 1, None), NOW + DAY).expect("the same key renews");
    assert_eq!(refused(desk.issue(proven("a", 2, None), END + DAY)), Refused::SubjectTaken);
    desk.issue(proven("a", 2, None), END + DAY + 1).expect("nobody's any more");
    desk.issue(proven("A", 3, None), NOW).expect("names differ by case");
}

#[test]
fn a_token_moves_a_name_to_another_key_for_good() {
    let mut desk = desk();
    desk.issue(proven("a", 1, None), NOW).expect("the first");
    let token = desk.add_token("t", "a", NOW);
    desk.issue(proven("a", 2, Some(token)), NOW).expect("moved");
    assert_eq!(refused(desk.issue(proven("a", 1, None), NOW)), Refused::SubjectTaken);
    desk.issue(proven("a", 2, None), NOW).expect("its new key renews");
}

#[test]
fn a_token_without_proof_cannot_be_asked_for() {
    // The classic form proves nothing, so a name in use stays even while a token for it waits.
    let mut desk = Desk::new(open());
    desk.issue(proven("a", 1, None), NOW).expect("the first");
    let token = desk.add_token("t", "a", NOW);
    assert_eq!(refused(desk.issue(classic("a", 2), NOW)), Refused::SubjectTaken);
    assert_eq!(tokens(&mut desk, 2), [token]);
}

#[test]
fn a_certificate_beyond_the_last_year_is_not_issued() {
    let mut desk = desk();
    let last = minipki_core::time::UnixTime::MAX.get();
    // It can be, once the clock is right.
    assert_eq!(refused(desk.issue(proven("a", 1, None), last)), Refused::Busy);
    assert_eq!(desk.reader().counts(at(NOW)).expect("counted").certificates, 0);
    desk.issue(proven("a", 1, None), last - 90 * DAY).expect("just in time");
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
