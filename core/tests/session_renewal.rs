//! Renewal: exchanges between the two machines, and the errors of each.

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, IdBuf, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::{Machine, Misuse, Next};
use minipki_core::session::{
    self, CaServer, Claim, ClientRequest, EnrolClient, EnrolForm, EnrolOutcome, Enrolment, PeerMisbehaved,
};
use minipki_core::time::Now;
use minipki_core::trust::{RevocationReason, Serial};
use minipki_core::wire::{Code, Response};
use minipki_fixtures::ca::{Answer, ask, respond};
use minipki_fixtures::certificates::{NOW, SUBJECT, anchor, id, issue, sample, time};
use minipki_fixtures::rsa_keys::{public, rng};
use minipki_fixtures::statuses;

const SIZE: KeySize = KeySize::Bits2048;
const OUT_OF_TURN: session::Error = session::Error::PeerMisbehaved(PeerMisbehaved::OutOfTurn);

fn pair(secret: u8) -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([secret; 32]))
}

fn serial() -> Serial {
    Serial::new(4_242).expect("in range")
}

fn server() -> CaServer<Portable> {
    CaServer::new(Portable::new())
}

/// A renewal of the certificate of `current`, for the key `new`.
fn renewal<'k>(current: &'k KeyPair, new: &'k KeyPair, anchor: &'k Anchor) -> Enrolment<'k> {
    let subject_id: IdBuf = SUBJECT.parse().expect("a name");
    let form = EnrolForm::Renewal { serial_number: serial(), current };
    Enrolment { subject_id, key: new, anchor, now: Now::Exact(time(NOW)), form }
}

/// A CA that renews the certificate of `current`, and refuses a wrong proof.
fn renew(current: &KeyPair) -> impl Fn(ClientRequest<Portable>) -> Answer {
    move |request| {
        let ClientRequest::Renew { subject_id, subject_key, serial_number, possession } = request else {
            panic!("{request:?}")
        };
        assert_eq!((subject_id.as_id(), serial_number), (id(SUBJECT), serial()));
        if possession.proves(&[anchor(SIZE).fingerprint()], current.public()) != Ok(true) {
            return Answer::Refuse(Code::ProofFailed);
        }
        let public = public(SIZE);
        let fields = TbsCertificate { subject_id: subject_id.as_id(), subject_key, ..sample(&public) };
        respond(Response::Issued(&issue(&fields, SIZE)))
    }
}

/// The code with which the exchange was refused.
fn refused(ended: Result<(EnrolOutcome, Vec<u8>), session::Error>) -> Code {
    match ended {
        Ok((EnrolOutcome::Refused { code, text }, body)) => {
            assert_eq!(&body[text], code.text().as_bytes());
            code
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_holder_of_both_keys_gets_a_certificate_for_the_new_one() {
    let (current, new, anchor) = (pair(8), pair(7), anchor(SIZE));
    for (from, to) in [(&current, &new), (&current, &current)] {
        let mut ca = server();
        let (outcome, body) = ask(renewal(from, to, &anchor), &mut ca, 2, renew(from)).expect("granted");
        let EnrolOutcome::Issued(range) = outcome else { panic!("{outcome:?}") };
        let certificate = cert::Certificate::parse(&body[range]).expect("well formed");
        assert_eq!((certificate.subject_id(), certificate.subject_key()), (id(SUBJECT), to.public()));
    }
}

#[test]
fn a_wrong_current_key_or_a_wrong_ca_is_refused() {
    let (current, new, other, own) = (pair(8), pair(7), pair(9), anchor(SIZE));
    let ended = ask(renewal(&other, &new, &own), &mut server(), 2, renew(&current));
    assert_eq!(refused(ended), Code::ProofFailed);
    // The new key alone does not renew, also if it asks as the current one.
    let ended = ask(renewal(&new, &new, &own), &mut server(), 2, renew(&current));
    assert_eq!(refused(ended), Code::ProofFailed);
    let pinned = anchor(KeySize::Bits3072);
    let ended = ask(renewal(&current, &new, &pinned), &mut server(), 2, renew(&current));
    assert_eq!(refused(ended), Code::ProofFailed);
}

/// One whole exchange up to the proof: the body of the proof, and the judgement of the CA about `shown`, or about this
/// proof.
fn prove(ca: &mut CaServer<Portable>, seed: u64, shown: Option<&[u8]>) -> (Vec<u8>, bool) {
    let (current, new, anchor) = (pair(8), pair(7), anchor(SIZE));
    let mut client = EnrolClient::new(renewal(&current, &new, &anchor), &mut rng(1));
    let mut body = [0; FRAME_BODY];
    let len = client.write(&mut body).expect("a request");
    let request = ca.read(&mut body[..len]).expect("well formed");
    let (subject_id, subject_key, serial_number) = (id(SUBJECT).into(), *new.public(), serial());
    let claim = Claim::Renew { subject_id, subject_key, serial_number };
    assert!(matches!(request, Some(ClientRequest::Challenge(claimed)) if claimed == claim));
    let len = ca.challenge(&mut rng(seed), &mut body).expect("a challenge");
    assert!(client.read(&mut body[..len]).expect("well formed").is_none());
    let len = client.write(&mut body).expect("a proof");
    let own = body[..len].to_vec();
    let mut shown = shown.unwrap_or(&own).to_vec();
    let Ok(Some(ClientRequest::Renew { possession, .. })) = ca.read(&mut shown) else { panic!("no renewal") };
    (own, possession.proves(&[anchor.fingerprint()], current.public()).expect("a key of full order"))
}

#[test]
fn a_proof_is_for_one_exchange() {
    let mut ca = server();
    let (first, proves) = prove(&mut ca, 2, None);
    assert!(proves);
    let (mut second, proves) = prove(&mut ca, 3, Some(&first));
    assert!(!proves, "the proof of the first exchange");
    assert_ne!(first, second);
    // The challenge is used up.
    assert_eq!(ca.read(&mut second).err(), Some(OUT_OF_TURN));
    // The same challenge to the same request has the same proof.
    assert_eq!(prove(&mut server(), 2, None), (first, true));
}

#[test]
fn the_client_takes_no_other_certificate() {
    let (current, new, anchor) = (pair(8), pair(7), anchor(SIZE));
    let key = public(SIZE);
    let good = TbsCertificate { subject_key: *new.public(), ..sample(&key) };
    for (fields, error) in [
        (TbsCertificate { subject_id: id("mallory"), ..good }, cert::Error::SubjectMismatch),
        (TbsCertificate { subject_key: *current.public(), ..good }, cert::Error::SubjectKeyMismatch),
        (TbsCertificate { issuer_id: id("other-ca"), ..good }, cert::Error::IssuerMismatch),
    ] {
        let text = issue(&fields, SIZE);
        let ended =
            ask(renewal(&current, &new, &anchor), &mut server(), 2, |_| respond(Response::Issued(&text)));
        assert_eq!(ended.map(drop), Err(session::Error::InvalidCertificate(error)));
    }
}

#[test]
fn every_refusal_arrives_at_once_and_after_the_proof() {
    let (current, new, anchor) = (pair(8), pair(7), anchor(SIZE));
    for code in [Code::Revoked, Code::UnknownCertificate, Code::Expired, Code::NotAllowed, Code::Busy] {
        let ended = ask(renewal(&current, &new, &anchor), &mut server(), 2, |_| Answer::Refuse(code));
        assert_eq!(refused(ended), code);

        let mut client = EnrolClient::new(renewal(&current, &new, &anchor), &mut rng(1));
        let (mut ca, mut body) = (server(), [0; FRAME_BODY]);
        let len = client.write(&mut body).expect("a request");
        ca.read(&mut body[..len]).expect("well formed");
        let len = ca.refuse(code, &mut body).expect("room");
        let outcome = client.read(&mut body[..len]).expect("well formed").expect("an outcome");
        assert_eq!(refused(Ok((outcome, body[..len].to_vec()))), code);
        assert_eq!(client.next(), Next::Done);
        assert!(ca.is_idle());
    }
}

#[test]
fn other_responses_are_out_of_turn() {
    let (current, new, anchor) = (pair(8), pair(7), anchor(SIZE));
    let status = statuses::state(&statuses::good(SIZE), SIZE);
    let revocation = statuses::revocation(RevocationReason::Superseded);
    for response in [Response::Status(&status), Response::Revoked(serial(), revocation)] {
        let ended = ask(renewal(&current, &new, &anchor), &mut server(), 2, |_| respond(response));
        assert_eq!(ended.map(drop), Err(OUT_OF_TURN));
    }
}

#[test]
fn calls_out_of_turn_end_the_client() {
    let (current, new, anchor, mut body) = (pair(8), pair(7), anchor(SIZE), [0; FRAME_BODY]);
    let misuse = session::Error::Misuse(Misuse::OutOfTurn);
    let mut client = EnrolClient::new(renewal(&current, &new, &anchor), &mut rng(1));
    assert_eq!(client.read(&mut body).err(), Some(misuse));
    assert_eq!((client.next(), client.write(&mut body)), (Next::Done, Err(misuse)));
    let mut client = EnrolClient::new(renewal(&current, &new, &anchor), &mut rng(1));
    client.write(&mut body).expect("a request");
    assert_eq!((client.write(&mut body), client.next()), (Err(misuse), Next::Done));
    let mut client = EnrolClient::new(renewal(&current, &new, &anchor), &mut rng(1));
    assert_eq!(client.write(&mut []), Err(session::Error::Misuse(Misuse::BufferTooSmall)));
    // The CA's machine: no answer before a request, and no challenge to a proof.
    let mut ca = server();
    assert_eq!(ca.issue(b"{}", &mut body), Err(misuse));
    assert_eq!(ca.challenge(&mut rng(2), &mut body), Err(misuse));
    assert_eq!(ca.respond(Response::Status(b"{}"), &mut body), Err(misuse));
}
