//! The answer to each request of a client.

use std::time::Instant;

use getrandom::SysRng;
use minipki_core::link::Link;
use minipki_core::session::{self, EnrolEvent, EnrolServer};
use minipki_core::wire::Code;
use rand_core::UnwrapErr;

use super::context::{ConnContext, Frames};
use crate::events::{CaEvent, Request};
use minipki_ca::{CertificationRequest, PossessionCheck, Refused};
use minipki_provider::HostProvider;

/// The CA's end of one connection.
pub(super) type ServerLink<'b> = Link<'b, EnrolServer<HostProvider>, Frames>;

/// Puts the answer to `event` into the link. Asks the issuer for a certificate if needed.
///
/// # Errors
/// [`session::Error`] if the answer cannot be written. This is a bug, and the connection must end.
pub(super) async fn answer(
    link: &mut ServerLink<'_>,
    event: EnrolEvent<HostProvider>,
    connection: &ConnContext,
) -> Result<(), session::Error> {
    let began = Instant::now();
    let (subject_id, subject_key, form, proof) = match event {
        EnrolEvent::Challenge { .. } => {
            return link.send(|machine, out| machine.challenge(&mut UnwrapErr(SysRng), out));
        }
        EnrolEvent::Classic { subject_id, subject_key } => (subject_id, subject_key, "Classic", None),
        EnrolEvent::Proven { subject_id, subject_key, possession } => {
            let proof: Box<dyn PossessionCheck> = Box::new(possession);
            (subject_id, subject_key, "Proven", Some(proof))
        }
    };
    let (subject, source) = (subject_id.clone(), connection.origin.source);
    let request = CertificationRequest { subject_id, subject_key, proof, source };
    let issued = connection.issuer.issue(request).await;
    let request = Request { subject: subject.as_id(), form, elapsed: began.elapsed() };
    match issued {
        Ok(issued) => {
            connection.emit(CaEvent::Issued { request, issued: &issued });
            link.send(|machine, out| machine.issue(&issued.certificate, out))
        }
        Err(refused) => {
            let code = code(refused);
            connection.emit(CaEvent::Refused { request, code, reason: &refused });
            refuse(link, code)
        }
    }
}

/// Puts a refusal into the link.
///
/// # Errors
/// As [`answer`].
pub(super) fn refuse(link: &mut ServerLink<'_>, code: Code) -> Result<(), session::Error> {
    link.send(|machine, out| machine.refuse(code, out))
}

/// The code for the client (protocol §6).
const fn code(refused: Refused) -> Code {
    match refused {
        Refused::SubjectTaken => Code::SubjectTaken,
        Refused::TokenInvalid | Refused::TokenRequired => Code::TokenInvalid,
        Refused::ProofFailed => Code::ProofFailed,
        Refused::ClassicNotServed => Code::NotAllowed,
        Refused::Busy => Code::Busy,
        Refused::RateLimited => Code::RateLimited,
        Refused::Damaged | Refused::Internal => Code::Internal,
    }
}
