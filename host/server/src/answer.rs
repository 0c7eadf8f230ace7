//! What is answered to each thing a client asks.

use std::fmt;
use std::time::Instant;

use getrandom::SysRng;
use minipki_core::cert::IdBuf;
use minipki_core::crypto::CryptoError;
use minipki_core::link::Link;
use minipki_core::session::{self, EnrolEvent, EnrolServer, PossessionProof};
use minipki_core::wire::Code;
use rand_core::UnwrapErr;

use super::context::Visit;
use minipki_ca::{IssueRequest, Issued, Proof, Refused};
use minipki_net::trace::Tapped;
use minipki_net::trace::events::What;
use minipki_provider::Chosen;

/// The CA's end of one connection.
pub(super) type Conversation<'b> = Link<'b, EnrolServer<Chosen>, Tapped>;

/// Why there is no certificate.
enum Denied {
    /// The proof fits none of the secrets it may have been made with. Which one the client meant,
    /// nobody can tell: a wrong key, a wrong token and a spent one look the same from here too.
    Proof,
    /// The authority refuses.
    Authority(Refused),
    /// The proof could not be checked: a bug.
    Crypto(CryptoError),
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
            Self::Crypto(_) => Code::Internal,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proof => f.write_str("the proof fits neither the key nor the token with the challenge"),
            Self::Authority(refused) => refused.fmt(f),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        Self::Authority(refused)
    }
}

impl From<CryptoError> for Denied {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

/// Puts the answer to `event` into the link.
///
/// # Errors
/// [`session::Error`] if the answer cannot be written, which is a bug: the connection is of no more use.
pub(super) async fn answer(
    link: &mut Conversation<'_>,
    event: EnrolEvent<Chosen>,
    visit: &Visit,
) -> Result<(), session::Error> {
    let began = Instant::now();
    let (subject, subject_key, form, proven) = match event {
        EnrolEvent::Challenge { .. } => {
            return link.send(|machine, out| machine.challenge(&mut UnwrapErr(SysRng), out));
        }
        EnrolEvent::Classic { subject_id, subject_key } => {
            (subject_id, subject_key, "Classic", Ok(Proof::Classic))
        }
        EnrolEvent::Proven { subject_id, subject_key, possession } => {
            let proven = prove(&possession, &subject_id, subject_key, visit).await;
            (subject_id, subject_key, "Proven", proven)
        }
    };
    let certified = match proven {
        Ok(proof) => {
            let source = Some(visit.source);
            let request = IssueRequest { subject_id: subject.clone(), subject_key, proof, source };
            visit.desk.issue(request).await.map_err(Denied::from)
        }
        Err(denied) => Err(denied),
    };
    match certified {
        Ok(issued) => {
            granted(&subject, &issued, form, began, visit);
            link.send(|machine, out| machine.issue(&issued.certificate, out))
        }
        Err(denied) => {
            let code = denied.code();
            visit.counts.refused.add();
            if let Some(left_out) = visit.requests.note(code.as_str(), Some(visit.source)) {
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%subject, %code, reason = %denied, %form, elapsed = ?began.elapsed(), more, most_from, "refused");
            }
            visit.reporter.tell(|| What::Refused {
                subject: Some(subject.to_string()),
                code: code.as_str(),
                reason: denied.to_string(),
            });
            refuse(link, code)
        }
    }
}

/// Counts and tells that `subject` gets its certificate, for the first time or again.
fn granted(subject: &IdBuf, issued: &Issued, form: &str, began: Instant, visit: &Visit) {
    let serial = issued.serial.get();
    let elapsed = began.elapsed();
    if issued.repeated {
        visit.counts.repeated.add();
        // This costs a client nothing, so it may come without end.
        if let Some(left_out) = visit.requests.note("repeated", Some(visit.source)) {
            let (more, most_from) = (left_out.count(), left_out.most_from());
            tracing::info!(%subject, serial, %form, ?elapsed, more, most_from, "repeated");
        }
        visit.reporter.tell(|| What::Repeated { subject: subject.to_string(), serial });
    } else {
        visit.counts.granted.add();
        tracing::info!(%subject, serial, %form, ?elapsed, "granted");
        visit.reporter.tell(|| What::Granted { subject: subject.to_string(), serial });
    }
}

/// Puts a refusal into the link.
///
/// # Errors
/// As [`answer`].
pub(super) fn refuse(link: &mut Conversation<'_>, code: Code) -> Result<(), session::Error> {
    link.send(|machine, out| machine.refuse(code, out))
}

/// Finds the secret that the proof was made with: no token, which most clients have and the ledger
/// need not be asked for, or one of the subject's. All of these are tried, so that the time this
/// takes does not tell which it was.
async fn prove(
    possession: &PossessionProof<Chosen>,
    subject: &IdBuf,
    subject_key: [u8; 32],
    visit: &Visit,
) -> Result<Proof, Denied> {
    if possession.proves(None)? {
        return Ok(Proof::Proven { token: None });
    }
    let mut proven = Err(Denied::Proof);
    for token in visit.desk.tokens(subject.clone(), subject_key).await? {
        if possession.proves(Some(token.as_bytes()))? {
            proven = Ok(Proof::Proven { token: Some(token) });
        }
    }
    proven
}
