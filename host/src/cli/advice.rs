//! The exit codes and the advice for the errors of the protocol.

use std::path::Path;

use minipki_core::cert;
use minipki_core::crypto::rsa;
use minipki_core::session::{self, PeerMisbehaved};
use minipki_core::trust::{Check, Revocation, RevocationReason, StatusError};
use minipki_core::wire::Code;

use super::{CliError, Exit};
use minipki_client::{AnchorError, ClientError, IdentityError, OutOfTime};
use minipki_net::NetError;
use minipki_net::trace::explain;
use minipki_os::files::quoted;

/// The error of a refused certificate or anchor.
pub(super) fn certificate(error: &cert::Error) -> CliError {
    use cert::Error as E;
    let next = match error.check() {
        Some(Check::IssuerKey) if matches!(error, E::IssuerKeyMismatch) => {
            "if the CA has changed its key: minipki anchors --identity DIR --update; otherwise do not trust it"
        }
        // An unreadable key or signature was damaged. A different one is of another CA.
        Some(Check::Issuer | Check::IssuerKey | Check::Signature)
            if !matches!(
                error,
                E::IssuerKey(_) | E::SignatureEncoding | E::Signature(rsa::Error::OtherDigest)
            ) =>
        {
            "do not trust it; if it should be of this CA, compare the fingerprints in another way"
        }
        Some(Check::Status) => {
            "do not trust it; its holder gets a new status with `minipki status --identity DIR`"
        }
        Some(Check::Revocation | Check::StatusTime) => return status_refused(error),
        Some(Check::NotBefore) => "check this machine's clock; if it is right, wait until then",
        Some(Check::NotAfter) => "check this machine's clock; if it is right, its holder must enrol again",
        Some(Check::Subject) => "check the expected name, and the address",
        Some(Check::SubjectKey) => "do not trust it: the peer that sent it does not have its key",
        None if matches!(error, E::AnchorFingerprint | E::AnchorIncomplete | E::AnchorFormerKeys) => {
            "fetch the anchor from the CA again"
        }
        None if matches!(error, E::UpdateBackwards) => {
            "the anchor stays as it is; ask the CA's operator, who may have restored an old backup"
        }
        None if matches!(error, E::UpdatePrevious) => {
            "get anchor.json from the CA's operator over a safe way; then: minipki anchors --identity DIR --from FILE"
        }
        None if matches!(
            error,
            E::UpdateJson(_) | E::UpdateField(_) | E::UpdateIssuer | E::UpdateSignature(_)
        ) =>
        {
            "the anchor stays as it is; try again over another network, or ask the CA's operator"
        }
        _ => "it was damaged or changed; get a new copy from its source",
    };
    CliError::new(Exit::NotVerified, error, next)
}

/// The error of a status that is not `good`, or not usable.
pub(super) fn status(error: &StatusError) -> CliError {
    let next = match error {
        StatusError::Revoked(Revocation { reason: RevocationReason::CertificateHold, .. }) => {
            "do not trust it; the CA's operator can remove the hold: minipki ca unhold"
        }
        StatusError::Revoked(_) => {
            "do not trust it; its holder enrols again into a new folder, or asks the CA's operator"
        }
        StatusError::Unknown => {
            "do not trust it; ask the CA's operator: its ledger has no such serial number"
        }
        StatusError::Missing | StatusError::Outdated { .. } => {
            "its holder gets a new status with `minipki status --identity DIR`, then tries again"
        }
        StatusError::TooOld { .. } => {
            "its holder needs a newer status: a shorter --status-refresh, or `minipki status --identity DIR`"
        }
        StatusError::NotYet { .. } => "check the clocks of this machine and of the CA",
        StatusError::Rollback { .. } => {
            "do not trust it: the peer has shown an earlier status again, perhaps to hide a revocation"
        }
    };
    CliError::new(Exit::NotVerified, error, next)
}

fn status_refused(error: &cert::Error) -> CliError {
    match error {
        cert::Error::Status(error) => status(error),
        _ => CliError::new(Exit::NotVerified, error, "do not trust it"),
    }
}

/// The error of a session that ended early.
pub(super) fn session(error: &session::Error) -> CliError {
    match error {
        session::Error::InvalidCertificate(error) => certificate(error),
        session::Error::Refused(code) => refused(*code, code.text()),
        session::Error::Truncated | session::Error::InvalidFrame(_) => {
            CliError::new(Exit::Connection, error, "check the address; then try again")
        }
        session::Error::InvalidMessage(_)
        | session::Error::PeerMisbehaved(PeerMisbehaved::OutOfTurn)
        | session::Error::Misuse(_) => CliError::new(
            Exit::Connection,
            error,
            "check that MiniPKI of this version runs at that address; --trace shows its messages",
        ),
        _ => CliError::new(
            Exit::NotVerified,
            error,
            "messages were changed, or the peer is not the expected one; try again over another network",
        ),
    }
}

/// The error of a refusal of an enrolment by the CA. The CA does not say whether the token or something else is wrong.
pub(super) fn refused_enrolment(code: Code, text: &str, has_token: bool) -> CliError {
    let error = refused(code, text);
    if !(has_token && code == Code::ProofFailed) {
        return error;
    }
    error.advise(
        "check that the token is for this subject, has not expired and was not used; compare the fingerprint with that of \
         the CA's operator",
    )
}

/// The error of a refusal by the CA or the peer, with their text.
pub(super) fn refused(code: Code, text: &str) -> CliError {
    let next = match code {
        Code::SubjectTaken => {
            "choose another --subject and --out, or ask the CA's operator for a token (--token)"
        }
        Code::TokenInvalid => "ask the CA's operator for a token: minipki ca token --dir DIR --subject NAME",
        Code::ProofFailed => {
            "compare the fingerprint of the CA that you trust with that of the CA's operator"
        }
        Code::NotAllowed => "leave out --classic; if the CA asks for a token, get one from its operator",
        Code::Busy => "wait a moment and try again",
        Code::Revoked => {
            "ask the CA's operator; if the key was compromised, enrol into a new folder, which makes a new key"
        }
        Code::UnknownCertificate => {
            "compare the fingerprints of the identity's anchor and of the CA; if they are equal, ask its operator"
        }
        Code::Expired => {
            "enrol again into a new folder, with a token of the CA's operator if the name is taken"
        }
        Code::RateLimited => {
            "try again in an hour, or ask the CA's operator to raise the limit (see `minipki ca serve --help`)"
        }
        Code::Internal => "tell the operator: the reason is in the CA's log",
        Code::CertificateRefused => {
            "read the reason on the other side: another CA, another subject, an expired or revoked certificate, or no \
             revocation status (see `minipki status --help`)"
        }
        Code::UnknownType | Code::BadRequest => {
            "check the port: a CA serves on 9000, a peer listens on 9101; --trace shows every message"
        }
        _ => "check that both sides run the same version; --trace shows every message",
    };
    let text = explain::escaped(text.as_bytes(), 200);
    CliError::new(Exit::Refused, format_args!("refused ({code}): {text}"), next)
}

/// The error of an open channel that ended early.
pub(super) fn open_channel(error: ClientError) -> CliError {
    let next = "connect again, and ask which messages arrived: the peer ended, or the network failed";
    match &error {
        ClientError::Exchange { with, source: NetError::Session(session::Error::Truncated) } => {
            let seen = "the connection ended without a close, so the last messages may not have arrived";
            CliError::new(Exit::Connection, seen, next).with(with)
        }
        ClientError::Exchange { source: NetError::Io(_), .. } => CliError::new(Exit::Connection, error, next),
        _ => error.into(),
    }
}

/// The error of an identity in `folder` whose certificate is not valid at the time of the clock.
pub(super) fn out_of_time(error: OutOfTime, folder: &Path) -> CliError {
    if error.now < error.validity.not_before() {
        return error.into();
    }
    let next = format!(
        "check the clock: the identity works if the clock was wrong. Otherwise renew it: minipki renew --identity {}",
        quoted(folder)
    );
    CliError::new(Exit::NotVerified, error, next)
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Refused { code, text } => refused(*code, text),
            ClientError::Exchange { with, source: NetError::Session(source) } => session(source).with(with),
            ClientError::Certificate(source) => certificate(source),
            ClientError::OwnKey { .. }
            | ClientError::Expired { .. }
            | ClientError::PeerRevoked { .. }
            | ClientError::Replayed { .. }
            | ClientError::NotConfirmed { .. } => Self::from_diagnostic(Exit::NotVerified, error),
            ClientError::Unreachable { .. }
            | ClientError::ConnectDeadline { .. }
            | ClientError::Idle { .. }
            | ClientError::Exchange { .. } => Self::from_diagnostic(Exit::Connection, error),
            ClientError::Stopped { .. } => Self::from_diagnostic(Exit::Interrupted, error),
            ClientError::Missing { .. } => {
                Self::new(Exit::Unexpected, error, "read the peer's messages above; try a longer --deadline")
            }
            _ => Self::from_diagnostic(Exit::Failed, error),
        }
    }
}

impl From<IdentityError> for CliError {
    fn from(error: IdentityError) -> Self {
        let exit = match error {
            IdentityError::Certificate { .. } | IdentityError::OutOfTime(_) => Exit::NotVerified,
            _ => Exit::Failed,
        };
        Self::from_diagnostic(exit, error)
    }
}

impl From<OutOfTime> for CliError {
    fn from(error: OutOfTime) -> Self {
        Self::from_diagnostic(Exit::NotVerified, error)
    }
}

impl From<AnchorError> for CliError {
    fn from(error: AnchorError) -> Self {
        let exit = if matches!(error, AnchorError::Io { .. }) { Exit::Failed } else { Exit::NotVerified };
        Self::from_diagnostic(exit, error)
    }
}
