//! From the typed errors of the protocol to an exit code and what to do next.

use minipki_core::cert;
use minipki_core::session::{self, PeerMisbehaved};
use minipki_core::trust::Check;
use minipki_core::wire::Code;

use super::{CliError, Exit};
use minipki_client::{AnchorError, ClientError, IdentityError, OutOfTime};
use minipki_net::NetError;
use minipki_net::trace::explain;

/// A certificate or anchor that was refused.
pub(super) fn certificate(error: &cert::Error) -> CliError {
    use cert::Error as E;
    let next = match error.check() {
        // A key or a signature that cannot be read was damaged; one that differs is of somebody else.
        Some(Check::Issuer | Check::IssuerKey | Check::Signature)
            if !matches!(error, E::IssuerKey(_) | E::SignatureEncoding) =>
        {
            "do not trust it; if it should be of this CA, compare the fingerprints by another way"
        }
        Some(Check::NotBefore) => "check this machine's clock; otherwise wait until then",
        Some(Check::NotAfter) => "check this machine's clock; otherwise have its holder enrol again",
        Some(Check::Subject) => "check whom you meant to reach, and at which address",
        Some(Check::SubjectKey) => "do not trust it: whoever showed it does not hold the key it names",
        None if matches!(error, E::AnchorFingerprint | E::AnchorIncomplete) => {
            "fetch the anchor from the CA again"
        }
        _ => "it was damaged or changed; fetch it again from where it was made",
    };
    CliError::new(Exit::NotVerified, error, next)
}

/// A session that ended early.
pub(super) fn session(error: &session::Error) -> CliError {
    match error {
        session::Error::InvalidCertificate(error) => certificate(error),
        session::Error::Refused(code) => refused(*code, code.text()),
        session::Error::Truncated | session::Error::InvalidFrame(_) => {
            CliError::new(Exit::Connection, error, "check that the address is the one meant; try again")
        }
        session::Error::InvalidMessage(_)
        | session::Error::PeerMisbehaved(PeerMisbehaved::OutOfTurn)
        | session::Error::Misuse(_) => CliError::new(
            Exit::Connection,
            error,
            "check that a MiniPKI of this version is at that address; --trace shows what it says",
        ),
        _ => CliError::new(
            Exit::NotVerified,
            error,
            "somebody changed what passed, or is not who they say; try again over another network",
        ),
    }
}

/// A refusal that the CA or the peer sent, with its own words.
pub(super) fn refused(code: Code, text: &str) -> CliError {
    let next = match code {
        Code::SubjectTaken => {
            "choose another --subject and --out, or ask the CA's operator for a token (--token)"
        }
        Code::TokenInvalid => "ask the CA's operator for a token: minipki ca token --dir DIR --subject NAME",
        Code::ProofFailed => {
            "compare the fingerprint with the operator's; check the token, and whom it is for"
        }
        Code::NotAllowed => "leave out --classic; if the CA asks for a token, get one from its operator",
        Code::Busy => "wait a moment and try again",
        Code::RateLimited => {
            "try again in an hour, or ask the CA's operator to raise the limit (ca serve --help)"
        }
        Code::Internal => "tell the operator: the reason is in the CA's log",
        Code::CertificateRefused => {
            "see on the other side why: another CA, another subject than expected, or expired"
        }
        Code::UnknownType | Code::BadRequest => {
            "check the port: a CA serves on 9000, a peer listens on 9101; --trace shows every message"
        }
        _ => "check that both sides run the same version; --trace shows every message",
    };
    // What may follow a semicolon is advice too, and is given above for this command line.
    let seen = text.split("; ").next().unwrap_or(text);
    let text = explain::escaped(seen.as_bytes(), 200);
    CliError::new(Exit::Refused, format_args!("refused ({code}): {text}"), next)
}

/// The words for the end of a channel that was open.
pub(super) fn open_channel(error: ClientError) -> CliError {
    let next = "connect again, and ask what arrived: the other program has ended, or the network failed";
    match &error {
        ClientError::Exchange { with, source: NetError::Session(session::Error::Truncated) } => {
            let seen = "the connection ended without a close, and what was sent last may not have arrived";
            CliError::new(Exit::Connection, seen, next).with(with)
        }
        ClientError::Exchange { source: NetError::Io(_), .. } => CliError::new(Exit::Connection, error, next),
        _ => error.into(),
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Refused { code, text } => refused(*code, text),
            ClientError::Exchange { with, source: NetError::Session(source) } => session(source).with(with),
            ClientError::Certificate(source) => certificate(source),
            ClientError::OwnKey { .. } | ClientError::Expired { .. } => Self::told(Exit::NotVerified, error),
            ClientError::Unreachable { .. }
            | ClientError::ConnectDeadline { .. }
            | ClientError::Idle { .. }
            | ClientError::Exchange { .. } => Self::told(Exit::Connection, error),
            ClientError::Stopped { .. } => Self::told(Exit::Interrupted, error),
            ClientError::Missing { .. } => {
                Self::new(Exit::Unexpected, error, "see above what the peer said; --deadline gives it longer")
            }
            _ => Self::told(Exit::Failed, error),
        }
    }
}

impl From<IdentityError> for CliError {
    fn from(error: IdentityError) -> Self {
        let exit = match error {
            IdentityError::Certificate { .. } | IdentityError::OutOfTime(_) => Exit::NotVerified,
            _ => Exit::Failed,
        };
        Self::told(exit, error)
    }
}

impl From<OutOfTime> for CliError {
    fn from(error: OutOfTime) -> Self {
        Self::told(Exit::NotVerified, error)
    }
}

impl From<AnchorError> for CliError {
    fn from(error: AnchorError) -> Self {
        let exit = if matches!(error, AnchorError::Io { .. }) { Exit::Failed } else { Exit::NotVerified };
        Self::told(exit, error)
    }
}
