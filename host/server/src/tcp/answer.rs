//! The answer to each request of a client.

use std::time::Instant;

use getrandom::SysRng;
use minipki_core::encoding::base64::Encoded;
use minipki_core::link::{Link, Misuse};
use minipki_core::session::{self, CaServer, ClientRequest};
use minipki_core::trust::Serial;
use minipki_core::wire::{Code, Response};
use rand_core::UnwrapErr;

use super::context::{ConnContext, Frames};
use crate::events::{CaEvent, Request};
use minipki_ca::{
    CertificationRequest, Refused, RequestProof, RevocationRequest, StatusRequest, TwinRequest,
};
use minipki_provider::HostProvider;

/// The CA's end of one connection.
pub(super) type ServerLink<'b> = Link<'b, CaServer<HostProvider>, Frames>;

/// Puts the answer to `event` into the link. Asks the issuer for a certificate if needed.
///
/// # Errors
/// [`session::Error`] if the answer cannot be written. This is a bug, and the connection must end.
pub(super) async fn answer(
    link: &mut ServerLink<'_>,
    event: ClientRequest<HostProvider>,
    connection: &ConnContext,
) -> Result<(), session::Error> {
    let source = connection.origin.source;
    let (subject_id, subject_key, form, proof) = match event {
        ClientRequest::Challenge(_) => {
            return link.send(|machine, out| machine.challenge(&mut UnwrapErr(SysRng), out));
        }
        ClientRequest::Classic { subject_id, subject_key } => {
            (subject_id, subject_key, "Classic", RequestProof::None)
        }
        ClientRequest::Proven { subject_id, subject_key, possession } => {
            (subject_id, subject_key, "Proven", RequestProof::Key(Box::new(possession)))
        }
        ClientRequest::Renew { subject_id, subject_key, serial_number, possession } => {
            let proof = RequestProof::Renewal { serial: serial_number, proof: Box::new(possession) };
            (subject_id, subject_key, "Renewal", proof)
        }
        ClientRequest::Revoke { serial_number, reason, possession } => {
            let request = RevocationRequest { serial: serial_number, reason, proof: Box::new(possession) };
            return revoke(link, request, connection).await;
        }
        ClientRequest::Status { serial_number, nonce } => {
            return status(link, StatusRequest { serial: serial_number, nonce, source }, connection).await;
        }
        ClientRequest::X509 { serial_number } => {
            return twin(link, TwinRequest { serial: serial_number, source }, connection).await;
        }
        ClientRequest::Anchors => {
            connection.emit(CaEvent::AnchorsAnswered);
            return link.send(|machine, out| machine.respond(Response::Anchors(&connection.anchors), out));
        }
    };
    let request = CertificationRequest { subject_id, subject_key, proof, source };
    issue(link, request, form, connection).await
}

async fn issue(
    link: &mut ServerLink<'_>,
    request: CertificationRequest,
    form: &'static str,
    connection: &ConnContext,
) -> Result<(), session::Error> {
    let (began, subject) = (Instant::now(), request.subject_id.clone());
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

async fn revoke(
    link: &mut ServerLink<'_>,
    request: RevocationRequest,
    connection: &ConnContext,
) -> Result<(), session::Error> {
    let serial = request.serial;
    match connection.issuer.revoke(request).await {
        Ok(outcome) => {
            connection.emit(CaEvent::Revoked { outcome: &outcome });
            let revocation = outcome.record.revocation().ok_or(Misuse::OutOfTurn)?;
            link.send(|machine, out| machine.respond(Response::Revoked(serial, revocation), out))
        }
        Err(refused) => refuse_about(link, "revocation", serial, refused, connection),
    }
}

async fn status(
    link: &mut ServerLink<'_>,
    request: StatusRequest,
    connection: &ConnContext,
) -> Result<(), session::Error> {
    let serial = request.serial;
    match connection.issuer.status(request).await {
        Ok(answer) => {
            connection.emit(CaEvent::StatusAnswered { serial, answer: &answer });
            link.send(|machine, out| machine.respond(Response::Status(&answer.text), out))
        }
        Err(refused) => refuse_about(link, "status", serial, refused, connection),
    }
}

async fn twin(
    link: &mut ServerLink<'_>,
    request: TwinRequest,
    connection: &ConnContext,
) -> Result<(), session::Error> {
    let serial = request.serial;
    match connection.issuer.twin(request).await {
        Ok(twin) => {
            connection.emit(CaEvent::TwinAnswered { serial, repeated: twin.repeated });
            let text = Encoded(&twin.der).to_string();
            link.send(|machine, out| machine.respond(Response::X509(&text), out))
        }
        Err(refused) => refuse_about(link, "X.509 twin", serial, refused, connection),
    }
}

fn refuse_about(
    link: &mut ServerLink<'_>,
    request: &'static str,
    serial: Serial,
    refused: Refused,
    connection: &ConnContext,
) -> Result<(), session::Error> {
    let code = code(refused);
    connection.emit(CaEvent::RefusedAbout { request, serial, code, reason: &refused });
    refuse(link, code)
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
        Refused::ClassicNotServed | Refused::HoldByOperator | Refused::NoX509 => Code::NotAllowed,
        Refused::Revoked | Refused::KeyCompromised => Code::Revoked,
        Refused::UnknownCertificate => Code::UnknownCertificate,
        Refused::Expired => Code::Expired,
        Refused::Busy => Code::Busy,
        Refused::RateLimited => Code::RateLimited,
        Refused::Damaged | Refused::KeyGone | Refused::Internal => Code::Internal,
    }
}
