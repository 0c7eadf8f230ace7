//! A hostile client's whole connection to a CA.

use minipki_core::crypto::Portable;
use minipki_core::encoding::json::{Form, check};
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::Link;
use minipki_core::session::{self, EnrolEvent, EnrolServer};
use minipki_core::wire::Code;
use minipki_core::wire::enrolment::{Challenge, Response};

use crate::peers;
use crate::stream::{Buffers, Tail, converse, frames, sent};

/// Checks any stream. Returns the number of certificates that were issued for a proof.
///
/// - Each whole frame and each bad length is answered once: with a challenge, a certificate or a refusal, in canonical
///   JSON.
/// - A proof is good only if it is the honest client's proof for its own request.
/// - The machine continues after a refusal.
pub fn enrol_server(stream: &[u8]) -> usize {
    let (requests, tail) = frames(stream, FRAME_BODY);
    let fingerprint = peers::anchor().fingerprint();
    let (honest, _) = frames(peers::ENROLMENT, FRAME_BODY);
    let mut rng = peers::rng();
    let (mut proven, mut issued) = (0, 0);

    let mut buffers = Buffers::default();
    let mut link =
        Link::new(EnrolServer::new(Portable::new(), fingerprint), &mut buffers.rx, &mut buffers.tx);
    let outcome = converse(&mut link, &mut &*stream, usize::MAX, |link| {
        let event = link.event().expect("an event");
        let answered = link.send(|ca, out| match event {
            EnrolEvent::Challenge { .. } => ca.challenge(&mut rng, out),
            EnrolEvent::Proven { possession, .. } if !possession.proves(None)? => {
                ca.refuse(Code::ProofFailed, out)
            }
            EnrolEvent::Proven { .. } => {
                assert!(holds_proof(stream, &honest), "a proof without the secret");
                proven += 1;
                issued += 1;
                ca.issue(peers::INITIATOR, out)
            }
            EnrolEvent::Classic { .. } => {
                issued += 1;
                ca.issue(peers::INITIATOR, out)
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
    let mut certificates = 0;
    for answer in answers {
        assert_eq!(check(answer, Form::Canonical), Ok(()));
        match Response::decode(answer) {
            Ok(Response::Issued(certificate)) => {
                assert_eq!(certificate, peers::INITIATOR);
                certificates += 1;
            }
            Ok(Response::Refused(_)) => {}
            Err(_) => drop(Challenge::decode(answer).expect("a challenge, a certificate or a refusal")),
        }
    }
    assert_eq!(certificates, issued);
    let truncated = outcome.errors.iter().filter(|error| **error == session::Error::Truncated).count();
    assert!(truncated <= 1, "a stream ends once");
    proven
}

/// Whether a stream holds the unchanged honest request, and the honest proof in any message.
fn holds_proof(stream: &[u8], honest: &[&[u8]]) -> bool {
    let holds = |part: &[u8]| stream.windows(part.len()).any(|window| window == part);
    let [request, proof] = honest else { panic!("a request and a proof") };
    // {"proof_b64":"…44 characters…"
    holds(request) && holds(&proof[14..58])
}
