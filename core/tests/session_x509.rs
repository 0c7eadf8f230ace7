//! The request for the X.509 twin of a certificate: exchanges between the two machines, and each difference of a twin.

use minipki_core::cert::{Anchor, Certificate, TbsCertificate};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize::{self, Bits2048, Bits3072};
use minipki_core::limits::{FRAME_BODY, X509_TWIN};
use minipki_core::session::{
    self, CaRequest, CaServer, ClientRequest, PeerMisbehaved, RequestForm, X509Outcome, X509Query,
};
use minipki_core::trust::Serial;
use minipki_core::wire::x509::X509Request;
use minipki_core::wire::{Code, Response};
use minipki_core::x509::algorithm::rsa::ALL;
use minipki_core::x509::{Check, TwinError, check_twin};
use minipki_fixtures::ca::{Answer, ask, respond};
use minipki_fixtures::certificates::{anchor, id, issue, sample};
use minipki_fixtures::rsa_keys::public;
use minipki_fixtures::statuses::{good, state};
use minipki_fixtures::twins::{base64, fields, sign, x25519_spki};
use minipki_fixtures::x509::{Fields, alt_name, dns, integer, name, sequence, tlv};

const SIZE: KeySize = Bits2048;

fn server() -> CaServer<Portable> {
    CaServer::new(Portable::new())
}

/// Asks for the twin of [`sample`] with this anchor, and gets `answer`.
fn asked(
    anchor: &Anchor,
    answer: impl Fn(Serial) -> Answer,
) -> Result<(X509Outcome, Vec<u8>), session::Error> {
    let text = issue(&sample(&public(SIZE)), SIZE);
    let certificate = Certificate::parse(&text).expect("well formed");
    let query = X509Query { provider: Portable::new(), certificate: &certificate, anchor, algorithms: &ALL };
    ask(query, &mut server(), 1, |request| {
        let ClientRequest::X509 { serial_number } = request else { panic!("{request:?}") };
        answer(serial_number)
    })
}

fn answer(der: &[u8]) -> Result<(X509Outcome, Vec<u8>), session::Error> {
    let text = base64(der);
    asked(&anchor(SIZE), |_| respond(Response::X509(&text)))
}

#[test]
fn the_request_has_these_bytes() {
    let mut body = [0; FRAME_BODY];
    let serial_number = Serial::new(4_242).expect("in range");
    let len = X509Request { serial_number }.encode(&mut body).expect("room");
    assert_eq!(&body[..len], br#"{"serial_number":4242,"type":"x509_request"}"#);
    let too_long = Serial::from_be_bytes(&[1; 20]).expect("in range");
    X509Request { serial_number: too_long }.encode(&mut body).expect_err("no JSON certificate has it");
    let len = Response::X509("MAA=").encode(&mut body).expect("room");
    assert_eq!(&body[..len], br#"{"ok":true,"x509_b64":"MAA="}"#);
}

#[test]
fn a_client_accepts_the_twin_and_passes_refusals_on() {
    let twin = sign(&fields(&sample(&public(SIZE))), SIZE);
    let text = base64(&twin);
    let (outcome, body) = asked(&anchor(SIZE), |serial| {
        assert_eq!(serial, Serial::new(4_242).expect("in range"));
        respond(Response::X509(&text))
    })
    .expect("the twin");
    let X509Outcome::Twin(range) = outcome else { panic!("{outcome:?}") };
    assert_eq!(&body[range], text.as_bytes());
    let (outcome, _) = asked(&anchor(SIZE), |_| Answer::Refuse(Code::NotAllowed)).expect("a refusal");
    assert!(matches!(outcome, X509Outcome::Refused { code: Code::NotAllowed, .. }), "{outcome:?}");
}

#[test]
fn a_query_for_a_twin_has_no_other_response() {
    let (certificate, status) = (issue(&sample(&public(SIZE)), SIZE), state(&good(SIZE), SIZE));
    for response in [Response::Issued(&certificate), Response::Status(&status), Response::Anchors(b"[]")] {
        let ended = asked(&anchor(SIZE), |_| respond(response));
        assert_eq!(ended.map(drop), Err(PeerMisbehaved::OutOfTurn.into()));
    }
    let text = issue(&sample(&public(SIZE)), SIZE);
    let certificate = Certificate::parse(&text).expect("well formed");
    let anchor = anchor(SIZE);
    let query =
        X509Query { provider: Portable::new(), certificate: &certificate, anchor: &anchor, algorithms: &ALL };
    assert_eq!(query.form(), RequestForm::Plain);
}

#[test]
fn another_key_and_a_malformed_twin_are_refused() {
    let sound = fields(&sample(&public(SIZE)));
    let twin = sign(&sound, SIZE);
    let refused = |ended: Result<_, session::Error>| match ended {
        Err(session::Error::InvalidTwin(error)) => error,
        other => panic!("{:?}", other.map(drop)),
    };
    assert_eq!(refused(answer(&sign(&sound, Bits3072))), TwinError::Signature(Check::Signature));
    // The client pins another key.
    let text = base64(&twin);
    let ended = asked(&anchor(Bits3072), |_| respond(Response::X509(&text)));
    assert_eq!(refused(ended), TwinError::Signature(Check::Signature));
    let mut changed = twin.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    assert_eq!(refused(answer(&changed)), TwinError::Signature(Check::Signature));
    for der in [&twin[..twin.len() - 1], &[&twin[..], &[0]].concat(), b"", b"\x30\x00"] {
        assert!(matches!(refused(answer(der)), TwinError::Der(_)));
    }
    assert_eq!(refused(answer(&[0x30; X509_TWIN + 1])), TwinError::Base64);
    let ended = asked(&anchor(SIZE), |_| Answer::Body(br#"{"ok":true,"x509_b64":"M"}"#.to_vec()));
    assert_eq!(refused(ended), TwinError::Base64);
    let unknown = <Anchor>::from_fingerprint(anchor(SIZE).fingerprint());
    let ended = asked(&unknown, |_| respond(Response::X509(&text)));
    assert!(matches!(ended, Err(session::Error::InvalidCertificate(_))), "the key is not known");
}

/// Each field that differs has its own error.
#[test]
fn a_certificate_with_another_field_is_not_the_twin() {
    let key = public(SIZE);
    let json = sample(&key);
    let text = issue(&json, SIZE);
    let certificate = Certificate::parse(&text).expect("well formed");
    let check = |fields: &Fields| check_twin(&sign(fields, SIZE), &certificate, &key, &ALL);
    let sound = fields(&json);
    assert_eq!(check(&sound), Ok(()));
    let uri = |text: &str| tlv(0x86, text.as_bytes());
    let names = |names: &[Vec<u8>]| sound.clone().with(17, false, alt_name(names));
    let own = uri("urn:minipki:test-ca:alice@example.org");
    let later = TbsCertificate { validity: good_validity("2026-06-01T00:00:01+00:00"), ..sample(&key) };
    let mut begin = sound.clone();
    begin.validity = fields(&later).validity;
    let two_names = sequence(&[name("alice@example.org")[2..].to_vec(), name("x")[2..].to_vec()]);
    let rsa384 = sequence(&[tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12]), tlv(5, &[])]);
    for (changed, field) in [
        (Fields { version: Vec::new(), extensions: Vec::new(), ..sound.clone() }, "version"),
        (
            Fields { outer_algorithm: Some(sound.algorithm.clone()), algorithm: rsa384, ..sound.clone() },
            "signature algorithm",
        ),
        (Fields { serial: integer(&[0x10, 0x93]), ..sound.clone() }, "serial number"),
        (begin, "begin"),
        (Fields { subject: name("alice@example.net"), ..sound.clone() }, "subject"),
        (Fields { subject: two_names, ..sound.clone() }, "subject"),
        (Fields { subject: sequence(&[]), ..sound.clone() }, "subject"),
        (Fields { key: x25519_spki(&[0x43; 32]), ..sound.clone() }, "key"),
        (sound.clone().without(15), "key usage"),
        (sound.clone().with(15, false, tlv(3, &[3, 0x08])), "key usage"),
        (sound.clone().with(15, true, tlv(3, &[3, 0x88])), "key usage"),
        (sound.clone().with(19, true, sequence(&[tlv(1, &[0xff])])), "basic constraint"),
        (sound.clone().without(17), "subject alternative name"),
        (names(&[own, dns("example.org")]), "subject alternative name"),
        (names(&[dns("example.org")]), "subject alternative name"),
        (names(&[uri("urn:minipki:test-ca:alice@example.or")]), "subject alternative name"),
        (names(&[uri("urn:minipki:test-cb:alice@example.org")]), "subject alternative name"),
        (names(&[uri("urn:minipki:test-ca-alice@example.org")]), "subject alternative name"),
        (sound.clone().with_id(&[0x2a, 3], true, vec![5, 0]), "critical extension"),
    ] {
        assert_eq!(check(&changed), Err(TwinError::Field(field)), "{field}");
    }
    // A reader can ignore the first extension, and the JSON certificate has no X.509 name of the issuer.
    assert_eq!(check(&sound.clone().with_id(&[0x2a, 3], false, vec![5, 0])), Ok(()));
    assert_eq!(check(&Fields { issuer: name("any name"), ..sound.clone() }), Ok(()));
    // The twin of another subject, whole.
    let other = TbsCertificate { subject_id: id("bob"), ..sample(&key) };
    assert_eq!(check(&fields(&other)), Err(TwinError::Field("subject")));
}

fn good_validity(begin: &str) -> minipki_core::trust::Validity {
    let time = |text: &str| text.parse().expect("a time");
    minipki_core::trust::Validity::new(time(begin), time("2026-07-01T00:00:00+00:00")).expect("in order")
}
