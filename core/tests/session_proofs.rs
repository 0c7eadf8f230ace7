//! The proofs of enrolment, renewal and revocation, against an independent computation; and each purpose against the
//! others.

use minipki_core::bytes::Secret;
use minipki_core::cert::IdBuf;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{CryptoError, KeyPair, Portable};
use minipki_core::encoding::base64::Encoded;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::Machine;
use minipki_core::session::{
    CaClient, CaRequest, CaServer, ClientRequest, EnrolForm, Enrolment, HolderRevocation,
};
use minipki_core::time::Now;
use minipki_core::trust::{RevocationReason, Serial};
use minipki_core::wire::enrolment::{Challenge, Proof, RenewRequest, Request};
use minipki_core::wire::revocation::RevokeRequest;
use minipki_fixtures::certificates::{NOW, SUBJECT, anchor, id, time, x25519_key};
use minipki_fixtures::rsa_keys::rng;

use crate::proofs::{Purpose, proof, public_key, transcript};

const SIZE: KeySize = KeySize::Bits2048;
/// The private keys of the new certificate and of the current one.
const NEW: [u8; 32] = [7; 32];
const CURRENT: [u8; 32] = [8; 32];
const TOKEN: [u8; 32] = [0x33; 32];
/// Every purpose. A renewal may also keep its key.
const PURPOSES: [Purpose; 5] = [
    Purpose::Enrol(None),
    Purpose::Enrol(Some(TOKEN)),
    Purpose::Renew(CURRENT),
    Purpose::Renew(NEW),
    Purpose::Revoke,
];

fn pair(secret: [u8; 32]) -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new(secret))
}

fn serial() -> Serial {
    Serial::new(4_242).expect("in range")
}

fn issuer() -> Fingerprint {
    anchor(SIZE).fingerprint()
}

/// The body that a machine or a message writes.
fn written<E: std::fmt::Debug>(write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Vec<u8> {
    let mut out = [0; FRAME_BODY];
    let len = write(&mut out).expect("room");
    out[..len].to_vec()
}

/// The request and the proof of a client, for a challenge with the share of this private key.
fn client<R: CaRequest<Provider = Portable>>(request: R, share: [u8; 32]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut client = CaClient::new(request, &mut rng(1));
    let first = written(|out| client.write(out));
    let ca_share = *pair(share).public();
    let mut challenge = written(|out| Challenge { ca_share, nonce: [5; 32] }.encode(out));
    let unread = challenge.clone();
    assert!(client.read(&mut challenge).expect("a challenge").is_none());
    (first, unread, written(|out| client.write(out)))
}

#[test]
fn the_client_computes_the_proof_of_the_protocol() {
    const SHARE: [u8; 32] = [6; 32];
    let (new, current, anchor) = (pair(NEW), pair(CURRENT), anchor(SIZE));
    for purpose in PURPOSES {
        let enrol = |form| {
            let subject_id: IdBuf = SUBJECT.parse().expect("a name");
            Enrolment { subject_id, key: &new, anchor: &anchor, now: Now::Exact(time(NOW)), form }
        };
        let renew = |current| EnrolForm::Renewal { serial_number: serial(), current };
        let (request, challenge, seen) = match purpose {
            Purpose::Enrol(token) => {
                client(enrol(EnrolForm::Proven { token: token.map(Secret::new) }), SHARE)
            }
            Purpose::Renew(CURRENT) => client(enrol(renew(&current)), SHARE),
            Purpose::Renew(_) => client(enrol(renew(&new)), SHARE),
            Purpose::Revoke => {
                let (reason, issuer) = (RevocationReason::Superseded, issuer());
                client(HolderRevocation { serial_number: serial(), reason, key: &new, issuer }, SHARE)
            }
        };
        let h = transcript(&request, &challenge);
        let expected = proof(purpose, NEW, public_key(SHARE), &h, &issuer().0);
        let text = format!("{{\"proof_b64\":\"{}\",\"type\":\"enroll_proof\"}}", Encoded(&expected));
        assert_eq!(String::from_utf8(seen).expect("ASCII"), text, "{purpose:?}");
    }
}

/// The first message for a purpose, with the public key of [`NEW`].
fn request(purpose: Purpose) -> Vec<u8> {
    let (nonce, serial_number, subject_key) = ([1; 32], serial(), x25519_key(public_key(NEW)));
    let subject_id = id(SUBJECT);
    written(|out| match purpose {
        Purpose::Enrol(_) => Request { subject_id, subject_key, nonce: Some(nonce) }.encode(out),
        Purpose::Renew(_) => RenewRequest { subject_id, subject_key, serial_number, nonce }.encode(out),
        Purpose::Revoke => {
            RevokeRequest { serial_number, reason: RevocationReason::Superseded, nonce }.encode(out)
        }
    })
}

/// The judgement of a CA about a proof that `prove` makes from the CA's share and the transcript.
fn judge(claim: Purpose, prove: impl FnOnce([u8; 32], &[u8; 32]) -> [u8; 32]) -> bool {
    let mut ca = CaServer::new(Portable::new());
    let mut first = request(claim);
    assert!(matches!(ca.read(&mut first), Ok(Some(ClientRequest::Challenge(_)))));
    let challenge = written(|out| ca.challenge(&mut rng(2), out));
    let share = Challenge::decode(&challenge).expect("a challenge").ca_share;
    let proof = prove(*share.as_bytes(), &transcript(&request(claim), &challenge));
    let mut second = written(|out| Proof { proof }.encode(out));
    let judged = match (ca.read(&mut second).expect("well formed").expect("a request"), claim) {
        (ClientRequest::Proven { possession, .. }, Purpose::Enrol(token)) => {
            possession.proves(&[issuer()], token.as_ref())
        }
        (ClientRequest::Renew { possession, .. }, Purpose::Renew(current)) => {
            possession.proves(&[issuer()], &x25519_key(public_key(current)))
        }
        (ClientRequest::Revoke { possession, .. }, Purpose::Revoke) => {
            possession.proves(&[issuer()], &x25519_key(public_key(NEW)))
        }
        (request, _) => panic!("{request:?} for {claim:?}"),
    };
    judged.expect("keys of full order")
}

/// The transcript is the same for all purposes here. So only the labels and the secrets keep the proofs apart.
#[test]
fn a_proof_of_one_purpose_never_passes_as_another() {
    for claim in PURPOSES {
        for made in PURPOSES {
            let proves = judge(claim, |share, h| proof(made, NEW, share, h, &issuer().0));
            assert_eq!(proves, made == claim, "a proof for {made:?} as one for {claim:?}");
        }
    }
}

#[test]
fn a_proof_with_a_wrong_key_transcript_or_fingerprint_proves_nothing() {
    const OTHER: [u8; 32] = [9; 32];
    for claim in PURPOSES {
        let wrong_key = judge(claim, |share, h| proof(claim, OTHER, share, h, &issuer().0));
        assert!(!wrong_key, "another key for {claim:?}");
        let wrong_ca = judge(claim, |share, h| proof(claim, NEW, share, h, &[0; 32]));
        assert!(!wrong_ca, "another CA for {claim:?}");
        let mut changed = judge(claim, |share, h| {
            let mut h = *h;
            h[31] ^= 1;
            proof(claim, NEW, share, &h, &issuer().0)
        });
        assert!(!changed, "another transcript for {claim:?}");
        for bit in 0..8_u8 {
            changed |= judge(claim, |share, h| {
                let mut proof = proof(claim, NEW, share, h, &issuer().0);
                proof[usize::from(bit) * 4] ^= 1 << bit;
                proof
            });
        }
        assert!(!changed, "a changed proof for {claim:?}");
    }
    let other_current =
        judge(Purpose::Renew(CURRENT), |share, h| proof(Purpose::Renew(OTHER), NEW, share, h, &issuer().0));
    assert!(!other_current);
    let swapped =
        judge(Purpose::Renew(CURRENT), |share, h| proof(Purpose::Renew(NEW), CURRENT, share, h, &issuer().0));
    assert!(!swapped, "the two keys of a renewal are not exchangeable");
}

#[test]
fn a_current_key_of_low_order_proves_nothing() {
    let low_order = x25519_key([0; 32]);
    for claim in [Purpose::Renew(CURRENT), Purpose::Revoke] {
        let mut ca = CaServer::new(Portable::new());
        ca.read(&mut request(claim)).expect("well formed");
        written(|out| ca.challenge(&mut rng(2), out));
        let mut second = written(|out| Proof { proof: [0; 32] }.encode(out));
        let judged = match ca.read(&mut second).expect("well formed").expect("a request") {
            ClientRequest::Renew { possession, .. } => possession.proves(&[issuer()], &low_order),
            ClientRequest::Revoke { possession, .. } => possession.proves(&[issuer()], &low_order),
            request => panic!("{request:?}"),
        };
        assert_eq!(judged, Err(CryptoError::AllZeroShared));
    }
}

/// The events go to another thread, and their text shows no secret.
#[test]
fn requests_with_proofs_carry_their_data_and_show_no_secret() {
    fn can_change_threads<T: Send + 'static>(_: &T) {}
    for (claim, shown) in [
        (Purpose::Renew(CURRENT), "possession: RenewalProof { .. } }"),
        (Purpose::Revoke, "possession: RevocationProof { .. } }"),
    ] {
        let mut ca = CaServer::new(Portable::new());
        ca.read(&mut request(claim)).expect("well formed");
        written(|out| ca.challenge(&mut rng(2), out));
        let mut second = written(|out| Proof { proof: [0; 32] }.encode(out));
        let request = ca.read(&mut second).expect("well formed").expect("a request");
        can_change_threads(&request);
        assert!(format!("{request:?}").ends_with(shown), "{request:?}");
    }
}
