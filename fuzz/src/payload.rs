//! The payload of a peer in a handshake: its certificate, alone or with a status.

use minipki_core::cert::{Certificate, Error, verify};
use minipki_core::crypto::Portable;
use minipki_core::encoding::json::{Form, check};
use minipki_core::trust::{RevocationCheck, RevocationStatus, StatusError, StatusPolicy, StatusRule};
use minipki_core::wire::channel::Payload;

use crate::peers;

/// Checks any payload. Returns whether a verifier that requires a status accepts it.
///
/// - The texts of a payload are written again as the same payload. A payload with a status is canonical JSON.
/// - Only the honest certificates are accepted, and only with their own good status, or without any status if the rule
///   allows it. The status of a revoked certificate is refused under every rule.
pub fn payload(input: &[u8]) -> bool {
    let Ok(payload) = Payload::decode(input) else { return false };
    let mut out = vec![0; input.len()];
    assert_eq!(payload.encode(&mut out), Ok(input));
    assert!(payload.status.is_none() || check(input, Form::Canonical).is_ok());
    let Ok(certificate) = Certificate::parse(payload.certificate) else { return false };
    let accepted = [StatusRule::Optional, StatusRule::Required].map(|rule| {
        let policy = StatusPolicy { rule, lowest_number: 0 };
        let revocation = RevocationCheck::Status { status: payload.status, policy };
        let verified = verify(Portable::new(), &peers::anchor(), &certificate, peers::now(), revocation);
        match (verified.map(|verified| verified.revocation()), payload.status) {
            (Ok(RevocationStatus::Good { .. }), Some(status)) => {
                let honest = [
                    (peers::INITIATOR, peers::INITIATOR_STATUS),
                    (peers::RESPONDER, peers::RESPONDER_STATUS),
                ];
                assert!(honest.contains(&(payload.certificate, status)), "forged");
                true
            }
            (Ok(RevocationStatus::NoStatus(StatusError::Missing)), None) => {
                assert_eq!(rule, StatusRule::Optional);
                assert!([peers::INITIATOR, peers::RESPONDER].contains(&payload.certificate), "forged");
                false
            }
            (Ok(known), status) => panic!("{known:?} from {status:?}"),
            (Err(Error::Status(StatusError::Revoked(_))), status) => {
                assert_eq!(status, Some(peers::INITIATOR_REVOKED));
                false
            }
            (Err(_), _) => false,
        }
    });
    assert_eq!(accepted[0], accepted[1], "a good status is good under every rule");
    accepted[1]
}
