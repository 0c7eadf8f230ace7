//! A hostile client's whole connection to a CA.

use minipki_core::crypto::Portable;
use minipki_core::encoding::json::{Form, check};
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::Link;
use minipki_core::session::{self, CaServer, ClientRequest};
use minipki_core::trust::{Revocation, RevocationReason};
use minipki_core::wire::enrolment::Challenge;
use minipki_core::wire::{Code, Response};

use crate::peers;
use crate::stream::{Buffers, Tail, converse, frames, sent};

/// Checks any stream. Returns the number of good proofs: of enrolments, renewals and revocations.
///
/// - Each whole frame and each bad length is answered once: with a challenge, the answer of its request or a refusal,
///   in canonical JSON.
/// - A proof is good only if it is the honest client's proof for its own request of the same kind.
/// - The machine continues after a refusal.
pub fn ca_server(stream: &[u8]) -> usize {
    let (requests, tail) = frames(stream, FRAME_BODY);
    let issuers = [peers::anchor().fingerprint()];
    let mut rng = peers::rng();
    let (mut proven, mut granted) = (0, Granted::default());
    let (holder, updates) = (peers::initiator_key(), peers::updates());

    let mut buffers = Buffers::default();
    let mut link = Link::new(CaServer::new(Portable::new()), &mut buffers.rx, &mut buffers.tx);
    let outcome = converse(&mut link, &mut &*stream, usize::MAX, |link| {
        let event = link.event().expect("an event");
        let proof = match &event {
            ClientRequest::Proven { possession, .. } => {
                Some((possession.proves(&issuers, None), peers::ENROLMENT))
            }
            ClientRequest::Renew { possession, .. } => {
                Some((possession.proves(&issuers, holder.public()), peers::RENEWAL))
            }
            ClientRequest::Revoke { possession, .. } => {
                Some((possession.proves(&issuers, holder.public()), peers::REVOCATION))
            }
            _ => None,
        };
        let good = proof.map(|(judged, honest)| {
            let good = judged.expect("the holder's key is of full order");
            assert!(!good || holds_proof(stream, honest), "a proof without the secret");
            good
        });
        proven += usize::from(good == Some(true));
        let answered = link.send(|ca, out| match event {
            ClientRequest::Challenge(_) => ca.challenge(&mut rng, out),
            _ if good == Some(false) => ca.refuse(Code::ProofFailed, out),
            ClientRequest::Classic { .. } | ClientRequest::Proven { .. } | ClientRequest::Renew { .. } => {
                granted.certificates += 1;
                ca.issue(peers::INITIATOR, out)
            }
            ClientRequest::Revoke { serial_number, reason, .. } => {
                assert_ne!(reason, RevocationReason::RemoveFromHold, "a holder removes no hold");
                granted.revocations += 1;
                let revocation = Revocation { reason, revoked_at: peers::time() };
                ca.respond(Response::Revoked(serial_number, revocation), out)
            }
            ClientRequest::Status { .. } => {
                granted.statuses += 1;
                ca.respond(Response::Status(peers::INITIATOR_STATUS), out)
            }
            ClientRequest::X509 { .. } => {
                granted.twins += 1;
                ca.respond(Response::X509(TWIN), out)
            }
            ClientRequest::Anchors => {
                granted.anchors += 1;
                ca.respond(Response::Anchors(&updates), out)
            }
        });
        answered.expect("an answer fits and is in turn");
    });

    let answers = sent(&outcome.sent);
    assert_eq!(
        answers.len(),
        requests.len() + usize::from(tail == Tail::Refused),
        "an answer for each frame"
    );
    let mut seen = Granted::default();
    for answer in answers {
        assert_eq!(check(answer, Form::Canonical), Ok(()));
        match Response::decode(answer) {
            Ok(Response::Issued(certificate)) => {
                assert_eq!(certificate, peers::INITIATOR);
                seen.certificates += 1;
            }
            Ok(Response::Revoked(..)) => seen.revocations += 1,
            Ok(Response::Status(status)) => {
                assert_eq!(status, peers::INITIATOR_STATUS);
                seen.statuses += 1;
            }
            Ok(Response::Anchors(array)) => {
                assert_eq!(array, updates);
                seen.anchors += 1;
            }
            Ok(Response::X509(twin)) => {
                assert_eq!(twin, TWIN);
                seen.twins += 1;
            }
            Ok(Response::Refused(_)) => {}
            Err(_) => drop(Challenge::decode(answer).expect("a challenge, an answer or a refusal")),
        }
    }
    assert_eq!(seen, granted);
    let truncated = outcome.errors.iter().filter(|error| **error == session::Error::Truncated).count();
    assert!(truncated <= 1, "a stream ends once");
    proven
}

/// The twin of each certificate. It stands for a real one: the machine does not read it.
const TWIN: &str = "MAA=";

/// The numbers of answers that grant a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Granted {
    certificates: usize,
    revocations: usize,
    statuses: usize,
    anchors: usize,
    twins: usize,
}

/// Whether a stream holds the unchanged honest request, and the honest proof in any message.
fn holds_proof(stream: &[u8], honest: &[u8]) -> bool {
    let holds = |part: &[u8]| stream.windows(part.len()).any(|window| window == part);
    let (honest, _) = frames(honest, FRAME_BODY);
    let [request, proof] = honest[..] else { panic!("a request and a proof") };
    // {"proof_b64":"…44 characters…"
    holds(request) && holds(&proof[14..58])
}
