//! Revocation by the holder, and queries for a status: exchanges between the two machines, and the errors of each.

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, Status, TbsStatus};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::{Machine, Misuse, Next};
use minipki_core::session::{
    self, CaRequest, CaServer, Claim, ClientRequest, HolderRevocation, PeerMisbehaved, RequestForm,
    RevokeClient, RevokeOutcome, StatusClient, StatusOutcome, StatusQuery,
};
use minipki_core::trust::{CertStatus, Revocation, RevocationReason, Serial};
use minipki_core::wire::revocation::{RevokeRequest, StatusRequest};
use minipki_core::wire::{Code, Response, WireError};
use minipki_fixtures::ca::{Answer, ask, respond};
use minipki_fixtures::certificates::{anchor, id, issue, sample, x25519_key};
use minipki_fixtures::rsa_keys::{public, rng};
use minipki_fixtures::statuses::{good, revocation, state};

const SIZE: KeySize = KeySize::Bits2048;
const OUT_OF_TURN: session::Error = session::Error::PeerMisbehaved(PeerMisbehaved::OutOfTurn);
const NEXT_SERIAL: u64 = 4_243;

fn pair(secret: u8) -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([secret; 32]))
}

fn serial(number: u64) -> Serial {
    Serial::new(number).expect("in range")
}

fn issuer() -> Fingerprint {
    anchor(SIZE).fingerprint()
}

fn server() -> CaServer<Portable> {
    CaServer::new(Portable::new())
}

fn request(key: &KeyPair, reason: RevocationReason) -> HolderRevocation<'_> {
    HolderRevocation { serial_number: serial(4_242), reason, key, issuer: issuer() }
}

/// A CA that revokes the certificate of `holder`, and refuses a wrong proof.
fn revoke(holder: &KeyPair) -> impl Fn(ClientRequest<Portable>) -> Answer {
    move |request| {
        let ClientRequest::Revoke { serial_number, reason, possession } = request else {
            panic!("{request:?}")
        };
        if possession.proves(&[issuer()], holder.public()) != Ok(true) {
            return Answer::Refuse(Code::ProofFailed);
        }
        respond(Response::Revoked(serial_number, revocation(reason)))
    }
}

#[test]
fn the_holder_revokes_for_every_reason_but_the_end_of_a_hold() {
    let key = pair(7);
    for reason in RevocationReason::all() {
        let ended = ask(request(&key, reason), &mut server(), 2, revoke(&key)).expect("an outcome").0;
        if reason == RevocationReason::RemoveFromHold {
            // Only the operator of the CA removes a hold.
            assert!(matches!(ended, RevokeOutcome::Refused { code: Code::BadRequest, .. }), "{ended:?}");
        } else {
            assert_eq!(ended, RevokeOutcome::Revoked(revocation(reason)));
        }
    }
}

#[test]
fn only_the_holder_of_the_key_revokes_and_only_at_the_pinned_ca() {
    let (key, other) = (pair(7), pair(9));
    let stranger = request(&other, RevocationReason::KeyCompromise);
    let elsewhere =
        HolderRevocation { issuer: Fingerprint([0; 32]), ..request(&key, RevocationReason::Superseded) };
    for request in [stranger, elsewhere] {
        let (outcome, body) = ask(request, &mut server(), 2, revoke(&key)).expect("an outcome");
        let RevokeOutcome::Refused { code, text } = outcome else { panic!("{outcome:?}") };
        assert_eq!((code, &body[text]), (Code::ProofFailed, code.text().as_bytes()));
    }
}

#[test]
fn the_claim_of_a_holder_reaches_the_application_before_the_proof() {
    let (key, mut ca, mut body) = (pair(7), server(), [0; FRAME_BODY]);
    let mut client = RevokeClient::new(request(&key, RevocationReason::Superseded), &mut rng(1));
    let len = client.write(&mut body).expect("a request");
    let claimed = ca.read(&mut body[..len]).expect("well formed").expect("a request");
    let claim = Claim::Revoke { serial_number: serial(4_242), reason: RevocationReason::Superseded };
    assert!(matches!(claimed, ClientRequest::Challenge(claimed) if claimed == claim));
    // The CA may refuse without a challenge.
    let len = ca.refuse(Code::UnknownCertificate, &mut body).expect("room");
    let outcome = client.read(&mut body[..len]).expect("well formed");
    assert!(matches!(outcome, Some(RevokeOutcome::Refused { code: Code::UnknownCertificate, .. })));
    assert_eq!(client.next(), Next::Done);
}

#[test]
fn a_revocation_has_no_other_response() {
    let (key, text) = (pair(7), state(&good(SIZE), SIZE));
    let certificate = issue(&sample(&public(SIZE)), SIZE);
    let revoked = revocation(RevocationReason::Superseded);
    for response in [
        Response::Issued(&certificate),
        Response::Status(&text),
        Response::Revoked(serial(NEXT_SERIAL), revoked),
    ] {
        let ended = ask(request(&key, RevocationReason::Superseded), &mut server(), 2, |_| respond(response));
        assert_eq!(ended.map(drop), Err(OUT_OF_TURN), "{response:?}");
    }
    let malformed = respond_text(r#"{"ok":true,"revoked":{"reason":"superseded","serial_number":4242}}"#);
    let ended = ask(request(&key, RevocationReason::Superseded), &mut server(), 2, |_| malformed());
    assert!(matches!(ended, Err(session::Error::InvalidMessage(WireError::Json(_)))));
}

fn respond_text(text: &str) -> impl Fn() -> Answer {
    move || Answer::Body(text.as_bytes().to_vec())
}

fn query(anchor: &Anchor, nonce: bool) -> StatusQuery<'_> {
    StatusQuery { provider: Portable::new(), serial_number: serial(4_242), anchor, nonce }
}

/// A CA that answers each query with a status that `change` has changed.
fn answer<'a>(change: impl Fn(TbsStatus<'a>) -> TbsStatus<'a>) -> impl Fn(ClientRequest<Portable>) -> Answer {
    move |request| {
        let ClientRequest::Status { serial_number, nonce } = request else { panic!("{request:?}") };
        let fields = change(TbsStatus { serial_number, nonce, ..good(SIZE) });
        respond(Response::Status(&state(&fields, SIZE)))
    }
}

#[test]
fn a_client_gets_the_status_that_it_has_asked_for() {
    let anchor = anchor(SIZE);
    let revoked = CertStatus::Revoked(revocation(RevocationReason::CertificateHold));
    for (nonce, status) in [true, false]
        .into_iter()
        .flat_map(|nonce| [CertStatus::Good, revoked, CertStatus::Unknown].map(|s| (nonce, s)))
    {
        let change = |fields| TbsStatus { status, ..fields };
        let ended = ask(query(&anchor, nonce), &mut server(), 2, answer(change));
        let (outcome, body) = ended.expect("a status");
        let StatusOutcome::Status(range) = outcome else { panic!("{outcome:?}") };
        let read = Status::parse(&body[range]).expect("well formed");
        assert_eq!((read.status(), read.nonce().is_some()), (status, nonce));
    }
}

#[test]
fn a_status_that_was_not_asked_for_is_refused() {
    let own = anchor(SIZE);
    let ended = |nonce: bool, change: &dyn Fn(TbsStatus<'static>) -> TbsStatus<'static>| {
        ask(query(&own, nonce), &mut server(), 2, answer(change)).map(drop)
    };
    let refused = |error| Err(session::Error::InvalidCertificate(error));
    for nonce in [None, Some([0; 32])] {
        let replayed = ended(true, &|fields| TbsStatus { nonce, ..fields });
        assert_eq!(replayed, refused(cert::Error::StatusNonce));
    }
    let unasked = ended(false, &|fields| TbsStatus { nonce: Some([0; 32]), ..fields });
    assert_eq!(unasked, refused(cert::Error::StatusNonce));
    for nonce in [true, false] {
        let other = ended(nonce, &|fields| TbsStatus { serial_number: serial(NEXT_SERIAL), ..fields });
        assert_eq!(other, refused(cert::Error::StatusSerial));
        let other = ended(nonce, &|fields| TbsStatus { issuer_id: id("other-ca"), ..fields });
        assert_eq!(other, refused(cert::Error::StatusIssuer));
    }
    let by_another = state(&good(SIZE), KeySize::Bits3072);
    let ended = ask(query(&own, false), &mut server(), 2, |_| respond(Response::Status(&by_another)));
    assert!(matches!(ended, Err(session::Error::InvalidCertificate(cert::Error::StatusSignature(_)))));
    let bare = Anchor::from_fingerprint(own.fingerprint());
    let ended = ask(query(&bare, false), &mut server(), 2, answer(|fields| fields)).map(drop);
    assert_eq!(ended, refused(cert::Error::AnchorIncomplete));
}

#[test]
fn a_query_has_no_other_response() {
    let anchor = anchor(SIZE);
    let certificate = issue(&sample(&public(SIZE)), SIZE);
    let revoked = Response::Revoked(serial(4_242), revocation(RevocationReason::Superseded));
    for response in [Response::Issued(&certificate), revoked] {
        let ended = ask(query(&anchor, true), &mut server(), 2, |_| respond(response));
        assert_eq!(ended.map(drop), Err(OUT_OF_TURN));
    }
    // A certificate in place of a status, and a challenge.
    let ended = ask(query(&anchor, true), &mut server(), 2, |_| respond(Response::Status(&certificate)));
    assert!(matches!(ended, Err(session::Error::InvalidCertificate(cert::Error::StatusJson(_)))));
    let challenge = respond_text(r#"{"ca_share_b64":"","nonce_b64":"","type":"enroll_challenge"}"#);
    let ended = ask(query(&anchor, true), &mut server(), 2, |_| challenge());
    assert!(matches!(ended, Err(session::Error::InvalidMessage(WireError::Json(_)))));
    let (outcome, _) =
        ask(query(&anchor, true), &mut server(), 2, |_| Answer::Refuse(Code::Busy)).expect("an outcome");
    assert!(matches!(outcome, StatusOutcome::Refused { code: Code::Busy, .. }));
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let (key, anchor, mut ca) = (pair(7), anchor(SIZE), server());
    for seed in 2..4 {
        ask(request(&key, RevocationReason::Superseded), &mut ca, seed, revoke(&key)).expect("revoked");
        ca.issue(b"", &mut []).expect_err("nothing is asked");
        ask(query(&anchor, true), &mut ca, seed, answer(|fields| fields)).expect("a status");
        ca.refuse(Code::Internal, &mut [0; FRAME_BODY]).expect("room");
        assert!(ca.is_idle());
    }
}

/// A proof answers the last message only: any other message uses up the challenge.
#[test]
fn a_query_in_an_exchange_uses_up_its_challenge() {
    let (key, mut ca, mut body) = (pair(7), server(), [0; FRAME_BODY]);
    let mut client = RevokeClient::new(request(&key, RevocationReason::Superseded), &mut rng(1));
    let len = client.write(&mut body).expect("a request");
    ca.read(&mut body[..len]).expect("well formed");
    let len = ca.challenge(&mut rng(2), &mut body).expect("room");
    client.read(&mut body[..len]).expect("well formed");
    let status = StatusRequest { serial_number: serial(1), nonce: None };
    let len = status.encode(&mut body).expect("room");
    assert!(matches!(ca.read(&mut body[..len]), Ok(Some(ClientRequest::Status { nonce: None, .. }))));
    let len = client.write(&mut body).expect("a proof");
    assert_eq!(ca.read(&mut body[..len]).err(), Some(OUT_OF_TURN));
}

#[test]
fn a_request_without_a_proof_proves_nothing() {
    let anchor = anchor(SIZE);
    for (nonce, form) in [(true, RequestForm::Nonce), (false, RequestForm::Plain)] {
        let query = query(&anchor, nonce);
        assert_eq!(query.form(), form);
        let proof = query.prove(&x25519_key([9; 32]), &[0; 32]).map(drop);
        assert_eq!(proof, Err(session::Error::Misuse(Misuse::OutOfTurn)));
    }
    let mut client = StatusClient::new(query(&anchor, true), &mut rng(1));
    assert_eq!(client.next(), Next::Write);
    assert_eq!(client.read(&mut []).err(), Some(session::Error::Misuse(Misuse::OutOfTurn)));
}

#[test]
fn the_response_of_a_revocation_is_not_signed_and_says_when() {
    let revoked =
        Revocation { reason: RevocationReason::Superseded, ..revocation(RevocationReason::Unspecified) };
    let Answer::Body(body) = respond(Response::Revoked(serial(4_242), revoked)) else { unreachable!() };
    assert_eq!(
        String::from_utf8(body).expect("ASCII"),
        "{\"ok\":true,\"revoked\":{\"reason\":\"superseded\",\"revoked_at\":\"2026-06-10T08:30:00+00:00\",\
        \"serial_number\":4242}}"
    );
    let mut body = [0; FRAME_BODY];
    let request =
        RevokeRequest { serial_number: serial(1), reason: RevocationReason::Superseded, nonce: [0; 32] };
    let len = request.encode(&mut body).expect("room");
    assert_eq!(
        str::from_utf8(&body[..len]).expect("ASCII"),
        "{\"nonce_b64\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"reason\":\"superseded\",\
        \"serial_number\":1,\"type\":\"revoke_request\"}"
    );
}
