//! Enrolment: exchanges between the two machines, and the errors of each.

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, Certificate, Id, IdBuf, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{CryptoError, Hash, KeyPair, Portable, x25519};
use minipki_core::encoding::base64::Encoded;
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Machine, Want, frame};
use minipki_core::session::{
    self, CaServer, ClientRequest, EnrolClient, EnrolForm, EnrolOutcome, Enrolment, PeerMisbehaved,
};
use minipki_core::time::Now;
use minipki_core::trust::{Validity, ValidityError};
use minipki_core::wire::enrolment::Challenge;
use minipki_core::wire::{Code, WireError};
use minipki_fixtures::certificates::{self, NOW, anchor, issue, sample, time};
use minipki_fixtures::pair::Record;
use minipki_fixtures::rsa_keys::{public, rng};

const SIZE: KeySize = KeySize::Bits2048;

fn enrolment<'k>(key: &'k KeyPair, anchor: &'k Anchor, form: EnrolForm<'k>) -> Enrolment<'k> {
    let subject_id: IdBuf = certificates::SUBJECT.parse().expect("a name");
    Enrolment { subject_id, key, anchor, now: Now::Exact(time(NOW)), form }
}

fn proven(token: Option<&str>) -> EnrolForm<'static> {
    EnrolForm::Proven { token: token.map(hash).map(Secret::new) }
}

fn hash(token: &str) -> [u8; 32] {
    Portable::new().sha256(&[token.as_bytes()])
}

/// The certificate that the request asks for.
fn certificate(subject_id: Id<'_>, subject_key: x25519::PublicKey) -> Vec<u8> {
    issue(&TbsCertificate { subject_id, subject_key, ..sample(&public(SIZE)) }, SIZE)
}

/// The kind of an event, to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Classic,
    Challenge,
    Proven,
}

/// The result of an enrolment: the outcome at the client, and the events at the CA.
struct Ended {
    client: Result<Vec<u8>, session::Error>,
    events: Vec<Kind>,
    refused: Option<Code>,
    out_of_time: Option<Vec<u8>>,
}

/// Runs an enrolment at a CA that accepts proofs under `token`. `answer` makes the certificate.
fn enrol(
    enrolment: Enrolment<'_>,
    token: Option<&str>,
    answer: impl Fn(Id<'_>, x25519::PublicKey) -> Vec<u8>,
) -> Ended {
    let (mut a, mut b, mut c, mut d) = ([0; FRAME], [0; FRAME], [0; FRAME], [0; FRAME]);
    let mut client = Link::new(EnrolClient::new(enrolment, &mut rng(1)), &mut a, &mut b);
    let mut server = Link::new(CaServer::new(Portable::new()), &mut c, &mut d);
    let mut ended = Ended {
        client: Err(session::Error::Truncated),
        events: Vec::new(),
        refused: None,
        out_of_time: None,
    };
    loop {
        let (left, right) = Record::default().run(&mut client, &mut server);
        if let Err(error) = left {
            ended.client = Err(error);
            return ended;
        }
        if left == Ok(Want::Deliver) {
            match client.event().expect("an outcome") {
                EnrolOutcome::Issued(range) => ended.client = Ok(client.body()[range].to_vec()),
                EnrolOutcome::OutOfTime { certificate, error } => {
                    ended.client = Err(session::Error::InvalidCertificate(error));
                    ended.out_of_time = Some(client.body()[certificate].to_vec());
                }
                EnrolOutcome::Refused { code, text } => {
                    assert_eq!(&client.body()[text], code.text().as_bytes());
                    ended.refused = Some(code);
                }
            }
            assert_eq!(client.want(), Ok(Want::Finished));
            return ended;
        }
        assert_eq!(right, Ok(Want::Deliver));
        let (kind, subject_id, subject_key, proven) = match server.event().expect("a request") {
            ClientRequest::Challenge { .. } => {
                ended.events.push(Kind::Challenge);
                server.send(|ca, out| ca.challenge(&mut rng(2), out)).expect("a challenge");
                continue;
            }
            ClientRequest::Classic { subject_id, subject_key } => {
                (Kind::Classic, subject_id, subject_key, true)
            }
            ClientRequest::Proven { subject_id, subject_key, possession } => {
                let proven = possession
                    .proves(&[anchor(SIZE).fingerprint()], token.map(hash).as_ref())
                    .expect("a key of 32 bytes");
                (Kind::Proven, subject_id, subject_key, proven)
            }
            request => panic!("{request:?}"),
        };
        ended.events.push(kind);
        let text = answer(subject_id.as_id(), subject_key);
        server
            .send(|ca, out| if proven { ca.issue(&text, out) } else { refuse(ca, out) })
            .expect("an answer that fits");
    }
}

fn refuse(ca: &mut CaServer<Portable>, out: &mut [u8]) -> Result<usize, session::Error> {
    ca.refuse(Code::ProofFailed, out)
}

fn key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([7; 32]))
}

#[test]
fn a_client_that_proves_its_key_gets_its_certificate() {
    let (key, anchor) = (key(), anchor(SIZE));
    let ended = enrol(enrolment(&key, &anchor, proven(None)), None, certificate);
    assert_eq!(ended.events, [Kind::Challenge, Kind::Proven]);
    let text = ended.client.expect("a certificate");
    let certificate = Certificate::parse(&text).expect("well formed");
    assert_eq!(certificate.subject_id().as_str(), certificates::SUBJECT);
    assert_eq!(certificate.subject_key(), key.public());
}

/// An event may go to another thread, and be answered after its connection has ended.
#[test]
fn an_event_carries_its_data_and_shows_no_secret() {
    fn can_change_threads<T: Send + 'static>(_: &T) {}
    let (key, anchor) = (key(), anchor(SIZE));
    let mut client = EnrolClient::new(enrolment(&key, &anchor, proven(None)), &mut rng(1));
    let mut server = CaServer::new(Portable::new());
    let mut body = [0; FRAME];
    let len = client.write(&mut body).expect("a request");
    assert!(server.is_idle());
    server.read(&mut body[..len]).expect("well formed");
    assert!(!server.is_idle());
    let len = server.challenge(&mut rng(2), &mut body).expect("a challenge");
    client.read(&mut body[..len]).expect("well formed");
    let len = client.write(&mut body).expect("a proof");
    let event = server.read(&mut body[..len]).expect("well formed").expect("a request");
    server.refuse(Code::Busy, &mut body).expect("room");
    assert!(server.is_idle());
    drop(server);

    can_change_threads(&event);
    assert!(format!("{event:?}").ends_with("possession: PossessionProof { .. } }"), "{event:?}");
    let ClientRequest::Proven { subject_id, subject_key, possession } = event else { panic!("{event:?}") };
    assert_eq!((subject_id.as_id().as_str(), &subject_key), (certificates::SUBJECT, key.public()));
    assert_eq!(possession.proves(&[anchor.fingerprint()], None), Ok(true));
    assert_eq!(possession.proves(&[anchor.fingerprint()], Some(&hash("a token"))), Ok(false));
}

#[test]
fn the_classic_form_is_one_request_and_one_answer() {
    let (key, anchor) = (key(), anchor(SIZE));
    let ended = enrol(enrolment(&key, &anchor, EnrolForm::Classic), None, certificate);
    assert_eq!(ended.events, [Kind::Classic]);
    ended.client.expect("a certificate");
}

#[test]
fn a_token_is_proven_without_travelling() {
    let (key, anchor) = (key(), anchor(SIZE));
    let asks = || enrolment(&key, &anchor, proven(Some("kept-secret")));
    enrol(asks(), Some("kept-secret"), certificate).client.expect("the right token");
    for wrong in [Some("another"), None] {
        let ended = enrol(asks(), wrong, certificate);
        assert_eq!(ended.refused, Some(Code::ProofFailed), "{wrong:?}");
    }
}

#[test]
fn a_proof_for_another_ca_is_worthless() {
    // The client has pinned another key than that of the CA.
    let (key, other) = (key(), anchor(KeySize::Bits3072));
    let ended = enrol(enrolment(&key, &other, proven(None)), None, certificate);
    assert_eq!(ended.refused, Some(Code::ProofFailed));
}

#[test]
fn the_client_takes_no_other_certificate() {
    let (key, anchor) = (key(), anchor(SIZE));
    let public = public(SIZE);
    let good = || TbsCertificate { subject_key: *key.public(), ..sample(&public) };
    let other = TbsCertificate { subject_id: certificates::id("mallory"), ..good() };
    let old = Validity::new(time("2026-01-01T00:00:00+00:00"), time("2026-06-15T11:59:59+00:00"));
    let cases = [
        (issue(&good(), SIZE), Ok(())),
        (issue(&other, SIZE), Err(cert::Error::SubjectMismatch)),
        (issue(&sample(&public), SIZE), Err(cert::Error::SubjectKeyMismatch)),
        (
            issue(&TbsCertificate { issuer_id: certificates::id("other-ca"), ..good() }, SIZE),
            Err(cert::Error::IssuerMismatch),
        ),
        (
            issue(&TbsCertificate { validity: old.expect("in order"), ..good() }, SIZE),
            Err(cert::Error::Validity(ValidityError::Expired {
                now: time(NOW),
                not_after: time("2026-06-15T11:59:59+00:00"),
            })),
        ),
    ];
    for (text, expected) in cases {
        let ended = enrol(enrolment(&key, &anchor, proven(None)), None, |_, _| text.clone());
        assert_eq!(ended.client.map(drop), expected.map_err(session::Error::InvalidCertificate));
    }
}

/// A client with a wrong clock keeps its certificate, but never the certificate of another subject.
#[test]
fn a_genuine_certificate_out_of_its_time_is_handed_over_and_no_other() {
    let (key, anchor, public) = (key(), anchor(SIZE), public(SIZE));
    let later = Validity::new(time("2026-06-15T12:00:01+00:00"), time("2026-09-15T12:00:00+00:00"));
    let good = || TbsCertificate {
        subject_key: *key.public(),
        validity: later.expect("in order"),
        ..sample(&public)
    };
    let text = issue(&good(), SIZE);
    let ended = enrol(enrolment(&key, &anchor, proven(None)), None, |_, _| text.clone());
    let error = cert::Error::Validity(ValidityError::NotYetValid {
        now: time(NOW),
        not_before: time("2026-06-15T12:00:01+00:00"),
    });
    assert_eq!(ended.client, Err(session::Error::InvalidCertificate(error)));
    assert_eq!(ended.out_of_time, Some(text));

    let other = issue(&TbsCertificate { subject_id: certificates::id("mallory"), ..good() }, SIZE);
    let ended = enrol(enrolment(&key, &anchor, proven(None)), None, |_, _| other.clone());
    assert_eq!(ended.client, Err(session::Error::InvalidCertificate(cert::Error::SubjectMismatch)));
    assert_eq!(ended.out_of_time, None);
}

/// Gives `bodies` to a fresh CA, answers each request, and returns the error of each body.
fn errors(bodies: &[&[u8]]) -> Vec<Option<session::Error>> {
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let mut link = Link::new(CaServer::new(Portable::new()), &mut rx, &mut tx);
    bodies
        .iter()
        .map(|body| {
            assert_eq!(link.want(), Ok(Want::Receive));
            let framed = [&frame::header(body.len()).expect("a body")[..], body].concat();
            link.space()[..framed.len()].copy_from_slice(&framed);
            link.received(framed.len());
            let mut refusal = false;
            loop {
                match link.want() {
                    Ok(Want::Send) => {
                        refusal = link.to_send().ends_with(b"\"ok\":false}");
                        link.sent(link.to_send().len());
                    }
                    Ok(Want::Deliver) => match link.event() {
                        Some(ClientRequest::Challenge { .. }) => {
                            link.send(|ca, out| ca.challenge(&mut rng(3), out)).expect("a challenge");
                        }
                        _ => link.send(refuse).expect("a refusal"),
                    },
                    Ok(Want::Receive) => return None,
                    Ok(Want::Finished) => panic!("the connection must stay usable"),
                    Err(error) => {
                        assert!(refusal, "the client got no refusal for {error:?}");
                        return Some(error);
                    }
                }
            }
        })
        .collect()
}

const REQUEST: &[u8] = br#"{"nonce_b64":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","public_key_algo":"X25519","public_key_value_b64":"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","subject_id":"alice","type":"enroll_request"}"#;
/// The key in [`REQUEST`].
const KEY: &str = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const PROOF: &[u8] = br#"{"proof_b64":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","type":"enroll_proof"}"#;

#[test]
fn a_refused_message_leaves_the_connection_usable() {
    let unknown = br#"{"type":"crl"}"#;
    let seen = errors(&[unknown, b"not json", REQUEST, PROOF, REQUEST]);
    assert_eq!(seen[0], Some(session::Error::InvalidMessage(WireError::UnknownType)));
    assert!(matches!(seen[1], Some(session::Error::InvalidMessage(WireError::Json(_)))));
    assert_eq!(seen[2..], [None, None, None]);
}

#[test]
fn one_challenge_is_one_try() {
    assert_eq!(errors(&[PROOF]), [Some(session::Error::PeerMisbehaved(PeerMisbehaved::OutOfTurn))]);
    assert_eq!(
        errors(&[REQUEST, PROOF, PROOF]),
        [None, None, Some(session::Error::PeerMisbehaved(PeerMisbehaved::OutOfTurn))]
    );
    // A refused message also uses up the challenge.
    assert_eq!(
        errors(&[REQUEST, b"{}", PROOF])[2],
        Some(session::Error::PeerMisbehaved(PeerMisbehaved::OutOfTurn))
    );
}

#[test]
fn a_key_of_low_order_proves_nothing() {
    let zero = String::from_utf8(REQUEST.to_vec()).expect("ASCII").replace("CQAAAA", "AAAAAA");
    assert_eq!(
        errors(&[zero.as_bytes(), PROOF]),
        [
            None,
            Some(session::Error::PeerMisbehaved(PeerMisbehaved::KeyAgreement(CryptoError::AllZeroShared)))
        ]
    );
}

#[test]
fn a_key_of_low_order_is_not_certified_unproven_either() {
    let classic = format!(
        r#"{{"public_key_algo":"X25519","public_key_value_b64":"{}=","subject_id":"a"}}"#,
        "A".repeat(43)
    );
    let error = session::Error::InvalidMessage(WireError::Field("public_key_value_b64"));
    assert_eq!(errors(&[classic.as_bytes()]), [Some(error)]);
}

/// The key of the sample request in other encodings: with bit 255 set, and plus the prime; and the prime itself.
#[test]
fn a_key_that_is_not_canonical_is_not_certified() {
    let prime_and = |more: u8| {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (0xed + more, 0x7f);
        key
    };
    let mut bit_255 = [0; 32];
    (bit_255[0], bit_255[31]) = (9, 0x80);
    for key in [prime_and(0), prime_and(9), prime_and(18), bit_255, [0xff; 32]] {
        let text = String::from_utf8(REQUEST.to_vec()).expect("ASCII");
        let proven = text.replace(KEY, &Encoded(&key).to_string());
        assert_ne!(proven, text);
        let classic = format!(
            r#"{{"public_key_algo":"X25519","public_key_value_b64":"{}","subject_id":"a"}}"#,
            Encoded(&key)
        );
        let error = session::Error::InvalidMessage(WireError::KeyNotCanonical("public_key_value_b64"));
        assert_eq!(error.code(), Some(Code::BadRequest));
        assert_eq!(errors(&[proven.as_bytes(), classic.as_bytes()]), [Some(error), Some(error)], "{key:x?}");
    }
}

#[test]
fn a_client_proves_nothing_to_a_share_that_is_not_canonical() {
    let (key, anchor) = (KeyPair::from_secret(Portable::new(), Secret::new([1; 32])), anchor(SIZE));
    for (bit_255, error) in [(0, None), (0x80, Some(WireError::KeyNotCanonical("ca_share_b64")))] {
        let mut client = EnrolClient::new(enrolment(&key, &anchor, proven(None)), &mut rng(1));
        let mut body = [0; FRAME];
        client.write(&mut body).expect("a request");
        let ca_share = *KeyPair::from_secret(Portable::new(), Secret::new([2; 32])).public();
        let mut share = *ca_share.as_bytes();
        let sound = Encoded(&share).to_string();
        share[31] |= bit_255;
        let len = Challenge { ca_share, nonce: [0; 32] }.encode(&mut body).expect("room");
        let body = str::from_utf8(&body[..len]).expect("JSON").replace(&sound, &Encoded(&share).to_string());
        assert_eq!(client.read(&mut body.into_bytes()).err(), error.map(session::Error::InvalidMessage));
    }
}

#[test]
fn unsigned_requests_may_be_spaced_and_in_any_order() {
    let spaced = br#" { "subject_id" : "alice", "public_key_value_b64" : "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "public_key_algo" : "X25519" } "#;
    assert_eq!(errors(&[spaced]), [None]);
}

#[test]
fn a_malformed_field_is_named() {
    let text = String::from_utf8(REQUEST.to_vec()).expect("ASCII");
    let cases = [
        ("\"X25519\"", "\"RSA\"", "public_key_algo"),
        ("CQAAAA", "C", "public_key_value_b64"),
        ("\"nonce_b64\":\"AAAA", "\"nonce_b64\":\"****", "nonce_b64"),
        ("\"alice\"", "\"al ice\"", "subject_id"),
        ("\"alice\"", "\"\"", "subject_id"),
        (",\"type\":\"enroll_request\"", "", "nonce_b64"),
    ];
    for (from, to, field) in cases {
        let body = text.replace(from, to);
        assert_ne!(body, text);
        assert_eq!(
            errors(&[body.as_bytes()]),
            [Some(session::Error::InvalidMessage(WireError::Field(field)))],
            "{body}"
        );
    }
}
