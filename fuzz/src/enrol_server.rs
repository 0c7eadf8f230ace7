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

/// A stream. Gives how many certificates a proof has earned.
///
/// - Each whole frame is answered once, with a challenge, a certificate or a refusal in canonical JSON; so is a bad length.
/// - A proof is good only if it is the honest client's, for its very request: nobody else has made one.
/// - Each refusal comes with the error that caused it, and the machine goes on after it.
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
        let asked = link.event().expect("what is delivered is an event");
        let answered = link.send(|ca, out| match asked {
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
    let silent = outcome.errors.iter().filter(|error| **error == session::Error::Truncated).count();
    assert!(silent <= 1, "a stream ends once");
    proven
}

/// Whether a stream holds the honest request as it was, and the honest proof in some message.
fn holds_proof(stream: &[u8], honest: &[&[u8]]) -> bool {
    let holds = |part: &[u8]| stream.windows(part.len()).any(|window| window == part);
    let [request, proof] = honest else { panic!("a request and a proof") };
    // {"proof_b64":"…44 characters…"
    holds(request) && holds(&proof[14..58])
}
