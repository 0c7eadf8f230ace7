//! Batches of requests: the same decisions as for single requests, and failures of the signer.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use minipki_ca::ports::{RevocationChange, Storage, TokenState};
use minipki_ca::{
    Enrolment, IssueRequest, Policy, Possession, RateLimits, Refused, SignError, Signature,
    SignatureAlgorithm, Signer, TokenHash,
};
use minipki_core::crypto::rsa::PublicKey;
use minipki_core::trust::RevocationReason;
use minipki_fixtures::certificates::x25519_key;
use minipki_tests::ca::{TestAuthority, at, id, key, proven};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;

#[test]
fn two_keys_do_not_both_get_one_name() {
    let mut ca = TestAuthority::new(Policy::default());
    let requests = [proven("a", 1, None), proven("b", 9, None), proven("a", 2, None)];
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert_eq!(answers[2], Err(Refused::SubjectTaken));
    let issued: Vec<_> = [0, 1].iter().map(|n| answers[*n].as_ref().expect("issued")).collect();
    for (issued, request) in issued.iter().zip(&requests) {
        let record = ca.reader().find_by_serial(issued.serial).expect("read").expect("recorded");
        assert_eq!(record.subject_id, request.subject_id, "the order of the answers");
        assert_eq!(&record.subject_key, request.subject_key.as_bytes());
    }
    assert_ne!(issued[0].serial, issued[1].serial);
}

#[test]
fn a_token_twice_in_a_batch_works_once() {
    let mut ca = TestAuthority::new(Policy::default());
    let token = ca.add_token("t", "a", NOW);
    let requests = [proven("a", 1, Some(token)), proven("a", 2, Some(token))];
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert!(answers[0].is_ok());
    assert_eq!(answers[1..], [Err(Refused::TokenInvalid)]);
}

#[test]
fn a_refused_request_does_not_hold_the_name_or_the_token() {
    let mut ca = TestAuthority::new(Policy::default());
    let token = ca.add_token("t", "a", NOW);
    let unknown = TokenHash::of("unknown");
    let requests = [proven("a", 1, Some(unknown)), proven("b", 1, Some(token)), proven("a", 2, Some(token))];
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert_eq!(answers[..2], [Err(Refused::TokenInvalid), Err(Refused::TokenInvalid)]);
    assert!(answers[2].is_ok());
}

#[test]
fn requests_over_the_limit_are_refused_as_busy_and_the_rest_is_served() {
    let mut ca = TestAuthority::new(Policy { max_waiting: 2, ..Policy::default() });
    let requests: Vec<_> = (1..=4).map(|n| proven(&format!("device-{n}"), n, None)).collect();
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert!(answers[..2].iter().all(Result::is_ok));
    assert_eq!(answers[2..], [Err(Refused::Busy), Err(Refused::Busy)]);
    assert_eq!(ca.reader().counts(at(NOW)).expect("counted").certificates, 2);
}

#[test]
fn a_batch_larger_than_a_block_of_serials_is_served() {
    let mut ca = TestAuthority::new(Policy { rates: RateLimits::NONE, ..Policy::default() });
    let requests: Vec<_> = (0..600u32).map(|n| proven(&format!("device-{n}"), 1, None)).collect();
    let answers = ca.authority.issue_many(&requests, at(NOW));
    let serials: HashSet<_> = answers.iter().map(|a| a.as_ref().expect("issued").serial).collect();
    assert_eq!(serials.len(), 600);
}

fn request() -> impl Strategy<Value = IssueRequest> {
    let proof = prop_oneof![
        1 => Just((Possession::None, None)),
        4 => Just((Possession::X25519Dh, None)),
        4 => (0..6u8).prop_map(|n| (Possession::X25519Dh, Some(TokenHash::of(&n.to_string())))),
    ];
    (0..3u8, 1..4u8, proof).prop_map(|(subject, byte, (possession, token))| IssueRequest {
        subject_id: id(&subject.to_string()),
        subject_key: x25519_key(key(byte)),
        possession,
        token,
        renews: None,
        source: None,
    })
}

/// An authority with five tokens. Tokens 0 to 3 can be used, token 4 has expired, and token 5 does not exist.
fn with_tokens(policy: Policy) -> TestAuthority {
    let ca = TestAuthority::new(policy);
    for n in 0..5u8 {
        ca.add_token(&n.to_string(), &(n % 3).to_string(), if n == 4 { NOW - 1 } else { NOW });
    }
    ca
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_batch_gives_what_the_same_requests_give_singly(
        requests in prop::collection::vec(request(), 1..16),
        size in 2..16usize,
        enrolment in prop_oneof![Just(Enrolment::Open), Just(Enrolment::Proven), Just(Enrolment::Token)],
    ) {
        let policy = Policy { enrolment, ..Policy::default() };
        let (mut batched, mut single) = (with_tokens(policy), with_tokens(policy));
        let together: Vec<_> = requests
            .chunks(size)
            .flat_map(|chunk| batched.authority.issue_many(chunk, at(NOW)))
            .map(|answer| answer.map(|issued| issued.repeated))
            .collect();
        let one_by_one: Vec<_> =
            requests.iter().map(|request| single.issue(request.clone(), NOW).map(|issued| issued.repeated)).collect();
        prop_assert_eq!(together, one_by_one);
        let counts = |ca: &TestAuthority| ca.reader().counts(at(NOW)).expect("counted");
        prop_assert_eq!(counts(&batched), counts(&single));
    }
}

/// A signer that records the signed messages and calls `then` before it returns the signatures.
struct Hooked<F> {
    signer: Box<dyn Signer>,
    signed: Arc<Mutex<Vec<Vec<u8>>>>,
    then: F,
}

impl<F: FnMut() -> Result<(), SignError> + Send> Signer for Hooked<F> {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    fn sign_many(
        &mut self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
    ) -> Result<Vec<Signature>, SignError> {
        let signatures = self.signer.sign_many(algorithm, messages)?;
        let mut signed = self.signed.lock().expect("one thread");
        signed.extend(messages.iter().map(|message| message.to_vec()));
        (self.then)().map(|()| signatures)
    }
}

type Signed = Arc<Mutex<Vec<Vec<u8>>>>;

/// An authority whose signer calls `then` after each signing, and the signed messages.
fn hooked<F>(then: impl FnOnce(Arc<dyn Storage>) -> F) -> (TestAuthority, Signed)
where
    F: FnMut() -> Result<(), SignError> + Send + 'static,
{
    let signed = Signed::default();
    let wrap = |signer, storage| -> Box<dyn Signer> {
        Box::new(Hooked { signer, signed: signed.clone(), then: then(storage) })
    };
    let ca = TestAuthority::with(Policy::default(), wrap);
    (ca, signed)
}

fn serial_in(message: &[u8]) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(message).expect("signed texts are JSON");
    value["serial_number"].as_u64().expect("a serial number")
}

#[test]
fn a_failed_signature_leaves_only_unused_serial_numbers() {
    let mut calls = 0;
    let (mut ca, signed) = hooked(|_| {
        move || {
            calls += 1;
            if calls % 2 == 1 { Err(SignError::new("the connection is lost")) } else { Ok(()) }
        }
    });
    let token = ca.add_token("t", "a", NOW);
    let requests = [proven("a", 1, Some(token)), proven("a", 2, None), proven("b", 2, None)];
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert_eq!(answers, [Err(Refused::Internal), Err(Refused::SubjectTaken), Err(Refused::Internal)]);
    let counts = ca.reader().counts(at(NOW)).expect("counted");
    assert_eq!((counts.certificates, counts.live_tokens), (0, 1));

    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert!(answers[0].is_ok() && answers[2].is_ok(), "the token is still unused");
    let signed = signed.lock().expect("one thread");
    let serials: HashSet<_> = signed.iter().map(|message| serial_in(message)).collect();
    assert_eq!(serials.len(), 4, "no serial number is signed twice");
}

#[test]
fn a_token_revoked_during_the_signature_stops_the_certificate() {
    let (mut ca, _) = hooked(|storage| {
        move || {
            let tokens = storage.reader().and_then(|mut reader| reader.list_tokens(None, 1)).expect("listed");
            let mut book = storage.tokens().expect("opened");
            // At the second call it is revoked already.
            if tokens[0].state == TokenState::Unused {
                book.revoke(tokens[0].id, at(NOW)).expect("revoked");
            }
            Ok(())
        }
    });
    let token = ca.add_token("t", "a", NOW);
    let requests = [proven("a", 1, Some(token)), proven("b", 1, None)];
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert_eq!(answers, [Err(Refused::Busy), Err(Refused::Busy)]);
    assert_eq!(ca.reader().counts(at(NOW)).expect("counted").certificates, 0);
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert_eq!(answers[0], Err(Refused::TokenInvalid));
    assert!(answers[1].is_ok());
    ca.issue(proven("a", 1, None), NOW).expect("the ledger still works");
}

#[test]
fn a_hold_or_a_compromise_during_the_signature_stops_the_certificate() {
    use RevocationReason::{CertificateHold, KeyCompromise};
    for (reason, later) in [(CertificateHold, Refused::Revoked), (KeyCompromise, Refused::KeyCompromised)] {
        let serial = Arc::new(Mutex::new(None));
        let first = serial.clone();
        let (mut ca, _) = hooked(move |storage| {
            move || {
                if let Some(serial) = first.lock().expect("one thread").take() {
                    let mut book = storage.revocations(at(NOW)).expect("opened");
                    book.revoke(&[RevocationChange::new(serial, reason, "x")], at(NOW)).expect("written");
                }
                Ok(())
            }
        });
        let holder = ca.issue(proven("a", 1, None), NOW).expect("issued");
        *serial.lock().expect("one thread") = Some(holder.serial);
        let token = ca.add_token("t", "a", NOW);
        // The token is for another certificate of the same name and key. The other request is a bystander.
        let requests = [proven("a", 1, Some(token)), proven("b", 2, None)];
        let answers = ca.authority.issue_many(&requests, at(NOW));
        assert_eq!(answers, [Err(Refused::Busy), Err(Refused::Busy)], "{reason}");
        assert_eq!(ca.reader().issued().expect("read"), 1);
        // The next try has a clear answer, and the bystander its certificate.
        let answers = ca.authority.issue_many(&requests, at(NOW));
        assert!(answers[0] == Err(later) && answers[1].is_ok(), "{answers:?}");
    }
}

#[test]
fn a_signer_that_loses_a_signature_issues_nothing() {
    struct Short(Box<dyn Signer>);
    impl Signer for Short {
        fn public_key(&self) -> &PublicKey {
            self.0.public_key()
        }
        fn sign_many(
            &mut self,
            algorithm: SignatureAlgorithm,
            messages: &[&[u8]],
        ) -> Result<Vec<Signature>, SignError> {
            self.0.sign_many(algorithm, &messages[1..])
        }
    }
    let mut ca = TestAuthority::with(Policy::default(), |signer, _| Box::new(Short(signer)));
    let answers = ca.authority.issue_many(&[proven("a", 1, None), proven("b", 1, None)], at(NOW));
    assert_eq!(answers, [Err(Refused::Internal), Err(Refused::Internal)]);
    assert_eq!(ca.reader().counts(at(NOW)).expect("counted").certificates, 0);
}

#[test]
fn a_ledger_that_cannot_be_read_issues_nothing() {
    let mut ca = TestAuthority::on_disk(Policy::default());
    let ledger = ca.ledger_file();
    let rename = |from: &str, to: &str| {
        let connection = rusqlite::Connection::open(&ledger).expect("opened");
        connection.execute(&format!("ALTER TABLE {from} RENAME TO {to}"), []).expect("renamed");
    };
    let requests = [proven("a", 1, None), proven("b", 1, None)];
    rename("certificates", "lost");
    let answers = ca.authority.issue_many(&requests, at(NOW));
    assert_eq!(answers, [Err(Refused::Internal), Err(Refused::Internal)]);
    rename("lost", "certificates");
    assert!(ca.authority.issue_many(&requests, at(NOW)).iter().all(Result::is_ok));
}
