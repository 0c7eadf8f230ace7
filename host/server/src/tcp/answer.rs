//! What is answered to each thing a client asks.

use std::fmt;
use std::time::Instant;

use getrandom::SysRng;
use minipki_core::cert::IdBuf;
use minipki_core::link::Link;
use minipki_core::session::{Asked, EnrolServer, Fault, Machine};
use minipki_core::wire::Code;
use rand_core::UnwrapErr;

use super::context::ConnContext;
use crate::events::{CaEvent, Request};
use minipki_ca::{IssueRequest, Proof, Refused};
use minipki_net::trace::Traced;
use minipki_provider::Chosen;

/// The CA's end of one connection.
pub(super) type Conversation<'b> = Link<'b, Traced<EnrolServer<Chosen>>>;

/// Why there is no certificate.
enum Denied {
    /// The proof fits none of the secrets it may have been made with. Which one the client meant,
    /// nobody can tell: a wrong key, a wrong token and a spent one look the same from here too.
    Proof,
    /// The authority refuses.
    Authority(Refused),
    /// The machine was not asked for a certificate: a bug.
    Fault(Fault),
}

impl Denied {
    /// What the client is told: the one table from the authority's reasons to codes.
    fn code(&self) -> Code {
        match self {
            Self::Proof => Code::ProofFailed,
            Self::Authority(refused) => match refused {
                Refused::SubjectTaken => Code::SubjectTaken,
                Refused::TokenInvalid | Refused::TokenRequired => Code::TokenInvalid,
                Refused::ClassicNotServed => Code::NotAllowed,
                Refused::Busy => Code::Busy,
                Refused::RateLimited => Code::RateLimited,
                Refused::Damaged | Refused::Internal => Code::Internal,
            },
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proof => Fault::Proof.fmt(f),
            Self::Authority(refused) => refused.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        Self::Authority(refused)
    }
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Puts the answer to `asked` into the link.
///
/// # Errors
/// [`Fault`] if it cannot be written, which is a bug: the connection is of no more use.
pub(super) async fn answer(
    link: &mut Conversation<'_>,
    asked: Asked,
    connection: &ConnContext,
) -> Result<(), Fault> {
    let began = Instant::now();
    let (subject, subject_key) = waiting(link)?;
    let (form, proven) = match asked {
        Asked::Challenge => {
            return link.send(|traced, out| {
                traced.compose(out, |machine, out| machine.challenge(&mut UnwrapErr(SysRng), out))
            });
        }
        Asked::Classic => ("Classic", Ok(Proof::Classic)),
        Asked::Proven => ("Proven", prove(&link.machine().inner, &subject, subject_key, connection).await),
    };
    let certified = match proven {
        Ok(proof) => {
            let source = connection.origin.source;
            let request = IssueRequest { subject_id: subject.clone(), subject_key, proof, source };
            connection.issuer.issue(request).await.map_err(Denied::from)
        }
        Err(denied) => Err(denied),
    };
    let request = Request { subject: subject.as_id(), form, elapsed: began.elapsed() };
    match certified {
        Ok(issued) => {
            connection.tell(CaEvent::Issued { request, issued: &issued });
            link.send(|traced, out| {
                traced.compose(out, |machine, out| machine.grant(&issued.certificate, out))
            })
        }
        Err(denied) => {
            let code = denied.code();
            connection.tell(CaEvent::Refused { request, code, reason: &denied });
            refuse(link, code)
        }
    }
}

/// Puts a refusal into the link.
///
/// # Errors
/// As [`answer`].
pub(super) fn refuse(link: &mut Conversation<'_>, code: Code) -> Result<(), Fault> {
    link.send(|traced, out| traced.refuse(code, out))
}

/// Who waits for an answer, with which key.
fn waiting(link: &Conversation<'_>) -> Result<(IdBuf, [u8; 32]), Fault> {
    let (subject, key) = link.machine().inner.subject().ok_or(Fault::OutOfTurn)?;
    Ok((subject.into(), *key))
}

/// Finds the secret that the proof was made with: no token, which most clients have and the ledger
/// need not be asked for, or one of the subject's. All of these are tried, so that the time this
/// takes does not tell which it was.
async fn prove(
    machine: &EnrolServer<Chosen>,
    subject: &IdBuf,
    subject_key: [u8; 32],
    connection: &ConnContext,
) -> Result<Proof, Denied> {
    if machine.proves(None)? {
        return Ok(Proof::Proven { token: None });
    }
    let mut proven = Err(Denied::Proof);
    for token in connection.issuer.tokens(subject.clone(), subject_key).await? {
        if machine.proves(Some(token.as_bytes()))? {
            proven = Ok(Proof::Proven { token: Some(token) });
        }
    }
    proven
}
