//! A hostile CA's whole side of a connection with a client.

use minipki_core::cert::Certificate;
use minipki_core::crypto::Portable;
use minipki_core::link::Link;
use minipki_core::session::{
    AnchorsOutcome, AnchorsQuery, CaClient, CaRequest, EnrolForm, EnrolOutcome, Enrolment, HolderRevocation,
    RevokeOutcome, StatusOutcome, StatusQuery, X509Outcome, X509Query,
};
use minipki_core::trust::{RevocationReason, Serial};
use minipki_core::x509::algorithm::rsa::ALL;

use crate::peers;
use crate::stream::{Buffers, converse, sent};

/// Checks any stream. The first byte of the input is the number of the request; the rest is the stream. Returns whether
/// the client has got what it has asked for.
///
/// - The client sends its request, and at most one proof.
/// - It accepts only a certificate for its name and key, and only a status of its certificate, by the pinned CA. It
///   follows only a change of the key that the pinned key has signed.
/// - There is one outcome at most, and no message after it.
pub fn ca_client(input: &[u8]) -> bool {
    let Some((number, stream)) = input.split_first() else { return false };
    let (key, anchor, new) = (peers::initiator_key(), peers::anchor(), peers::new_key());
    let serial_number = peers::initiator_serial();
    let holds = |text: &[u8]| stream.windows(text.len()).any(|window| window == text);
    let enrolment = |key, form| Enrolment {
        subject_id: peers::INITIATOR_ID.parse().expect("a name"),
        key,
        anchor: &anchor,
        now: peers::now(),
        form,
    };
    let issued = |outcome: EnrolOutcome, body: &[u8]| match outcome {
        EnrolOutcome::Issued(range) => {
            assert!(body[range] == *peers::INITIATOR && holds(peers::INITIATOR), "forged");
            true
        }
        EnrolOutcome::OutOfTime { .. } => panic!("every certificate of the corpus is valid"),
        EnrolOutcome::Refused { text, .. } => {
            assert!(body[text].is_ascii());
            false
        }
    };
    match number % 7 {
        0 => run(enrolment(&key, EnrolForm::Classic), stream, issued),
        1 => run(enrolment(&key, EnrolForm::Proven { token: None }), stream, issued),
        // The honest CA has no certificate for another key of that name, so nothing is accepted for the new one.
        2 => {
            let form = EnrolForm::Renewal { serial_number, current: &key };
            assert!(!run(enrolment(&new, form), stream, |outcome, _| matches!(
                outcome,
                EnrolOutcome::Issued(_)
            )));
            let form = EnrolForm::Renewal { serial_number, current: &key };
            run(enrolment(&key, form), stream, issued)
        }
        3 => {
            let (reason, issuer) = (RevocationReason::Superseded, anchor.fingerprint());
            let revocation = HolderRevocation { serial_number, reason, key: &key, issuer };
            run(revocation, stream, |outcome, _| match outcome {
                RevokeOutcome::Revoked(revocation) => {
                    assert_ne!(revocation.reason, RevocationReason::RemoveFromHold);
                    true
                }
                RevokeOutcome::Refused { .. } => false,
            })
        }
        4 => {
            let query = AnchorsQuery { provider: Portable::new(), anchor: &anchor };
            run(query, stream, |outcome, _| match outcome {
                AnchorsOutcome::Followed(next) => {
                    assert!(next == peers::next_anchor() && holds(peers::UPDATE), "forged");
                    true
                }
                AnchorsOutcome::Unchanged => true,
                AnchorsOutcome::Refused { .. } => false,
            })
        }
        6 => {
            // No input has a twin.
            let certificate = &Certificate::parse(peers::INITIATOR).expect("a fixture");
            let query =
                X509Query { provider: Portable::new(), certificate, anchor: &anchor, algorithms: &ALL };
            assert!(!run(query, stream, |outcome, _| matches!(outcome, X509Outcome::Twin(_))), "forged");
            false
        }
        _ => {
            // No status of the corpus has a nonce.
            let query = |serial_number, nonce| StatusQuery {
                provider: Portable::new(),
                serial_number,
                anchor: &anchor,
                nonce,
            };
            let got = |outcome: StatusOutcome, body: &[u8]| match outcome {
                StatusOutcome::Status(range) => {
                    let honest = [peers::INITIATOR_STATUS, peers::INITIATOR_REVOKED];
                    assert!(honest.contains(&&body[range]), "forged");
                    true
                }
                StatusOutcome::Refused { .. } => false,
            };
            let other = Serial::new(1 << 40).expect("in range");
            assert!(!run(query(serial_number, true), stream, got));
            assert!(!run(query(other, false), stream, got));
            run(query(serial_number, false), stream, got)
        }
    }
}

/// Gives the stream to the client of `request`. `judge` returns whether the outcome is no refusal.
fn run<R: CaRequest<Provider = Portable>>(
    request: R,
    stream: &[u8],
    judge: impl Fn(R::Outcome, &[u8]) -> bool,
) -> bool {
    let mut buffers = Buffers::default();
    let client = CaClient::new(request, &mut peers::client_rng());
    let mut link = Link::new(client, &mut buffers.rx, &mut buffers.tx);
    let mut outcomes = Vec::new();
    let ended = converse(&mut link, &mut &*stream, usize::MAX, |link| {
        let outcome = link.event().expect("an event");
        outcomes.push(judge(outcome, link.body()));
    });
    let messages = sent(&ended.sent).len();
    assert!((1..=2).contains(&messages), "{messages} messages of a client");
    assert_eq!(outcomes.len() + ended.errors.len(), 1, "a client ends once");
    outcomes == [true]
}
