//! The exit reasons of a run, each with a number that never changes.

use core::fmt;

use embedded_io::ErrorKind;
use minipki_core::cert::Error as CertificateError;
use minipki_core::drive::DriveError;
use minipki_core::session;
use minipki_core::trust::{StatusError, ValidityError};
use minipki_core::wire::Code;

/// The exit reason of a run. The numbers are stable. Numbers from 64 on belong to the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Exit {
    /// The run did its whole task.
    Done = 0,
    /// An error of the device itself, which no peer can cause.
    Internal = 1,
    /// The arguments are wrong.
    Usage = 2,
    /// The board's storage did not keep a record.
    Storage = 3,
    /// The board cannot listen at the given address.
    CannotListen = 4,

    /// No program accepts connections at the CA's address.
    CaUnreachable = 10,
    /// The CA did not answer within the deadline.
    CaSilent = 11,
    /// The connection to the CA ended during the exchange.
    CaCut = 12,
    /// The CA sent bytes that are not a message of the protocol.
    CaGarbage = 13,
    /// The CA refused the proof. Its answer does not show whether the token or the fingerprint is wrong (protocol §4).
    ProofRefused = 14,
    /// The CA requires a valid token for this subject, and got none.
    TokenRefused = 15,
    /// The CA refused for another reason, which is in the report.
    CaRefused = 16,
    /// The certificate is from another CA than the one with the pinned fingerprint.
    WrongFingerprint = 17,
    /// The certificate or the status is malformed, forged, or not for this subject and key.
    CertificateRefused = 18,
    /// The issued certificate has expired by the device's clock. It is kept, unless the present one is valid.
    CertificateExpired = 19,
    /// The issued certificate is not valid yet by the device's clock. It is kept, unless the present one is valid.
    CertificateNotYetValid = 20,
    /// The answer is an earlier certificate or status, which was sent again.
    Replayed = 21,
    /// The CA has revoked the certificate of this device.
    Revoked = 22,

    /// No program accepts connections at the peer's address.
    PeerUnreachable = 30,
    /// The peer did not answer, or no peer opened a channel, within the deadline.
    PeerSilent = 31,
    /// The connection to the peer ended during the exchange.
    PeerCut = 32,
    /// The peer sent bytes that are not a message of the protocol.
    PeerGarbage = 33,
    /// The peer refused this device, for the reason in the report.
    PeerRefused = 34,
    /// The peer's certificate is from another CA.
    PeerOfAnotherCa = 35,
    /// The peer's certificate, or its status, is malformed or forged.
    PeerCertificateRefused = 36,
    /// The peer's certificate has expired.
    PeerExpired = 37,
    /// The peer's certificate is not valid yet.
    PeerNotYetValid = 38,
    /// The peer's certificate is for another key than the peer's key.
    PeerKeyDiffers = 39,
    /// The peer's certificate is for another subject than the expected one.
    PeerIsAnother = 40,
    /// A message from the peer is not authentic: changed, forged, or out of order.
    NotAuthentic = 41,
    /// The CA has revoked the peer's certificate.
    PeerRevoked = 42,
    /// The peer showed no revocation status that the device's rule accepts. The reason is in the report.
    PeerStatusRefused = 43,
}

impl Exit {
    /// The exit code of a board.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The reason if there is no connection to the CA.
    pub(crate) const fn ca_not_connected(error: ErrorKind) -> Self {
        if matches!(error, ErrorKind::TimedOut) { Self::CaSilent } else { Self::CaUnreachable }
    }

    /// The reason if no connection was accepted.
    pub(crate) const fn not_accepted(error: ErrorKind) -> Self {
        if matches!(error, ErrorKind::TimedOut) { Self::PeerSilent } else { Self::CannotListen }
    }

    /// The reason if there is no connection to the peer.
    pub(crate) const fn peer_not_connected(error: ErrorKind) -> Self {
        if matches!(error, ErrorKind::TimedOut) { Self::PeerSilent } else { Self::PeerUnreachable }
    }

    /// The reason for an error of the exchange with the CA: the only table of these errors.
    pub(crate) fn at_ca(error: DriveError<impl embedded_io::Error>) -> Self {
        match failed(error) {
            Failed::Late => Self::CaSilent,
            Failed::Cut => Self::CaCut,
            Failed::Check(error) => match error {
                session::Error::InvalidFrame(_)
                | session::Error::InvalidMessage(_)
                | session::Error::PeerMisbehaved(_) => Self::CaGarbage,
                session::Error::Refused(code) => Self::of_refusal(code),
                session::Error::InvalidCertificate(error) => Self::of_certificate(error),
                _ => Self::Internal,
            },
        }
    }

    /// Whether the CA has refused: with the same request it would refuse again.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::ProofRefused | Self::TokenRefused | Self::CaRefused)
    }

    /// Whether the CA has not answered.
    pub(crate) const fn is_silence(self) -> bool {
        matches!(self, Self::CaUnreachable | Self::CaSilent | Self::CaCut)
    }

    /// The reason for a refusal by the CA.
    pub(crate) const fn of_refusal(code: Code) -> Self {
        match code {
            Code::ProofFailed => Self::ProofRefused,
            Code::TokenInvalid => Self::TokenRefused,
            _ => Self::CaRefused,
        }
    }

    /// The reason for an error of the issued certificate.
    pub(crate) const fn of_certificate(error: CertificateError) -> Self {
        match error {
            CertificateError::IssuerKeyMismatch => Self::WrongFingerprint,
            CertificateError::Validity(ValidityError::Expired { .. }) => Self::CertificateExpired,
            CertificateError::Validity(ValidityError::NotYetValid { .. }) => Self::CertificateNotYetValid,
            _ => Self::CertificateRefused,
        }
    }

    /// The reason for an error of the exchange with the peer: the only table of these errors.
    pub(crate) fn at_peer(error: DriveError<impl embedded_io::Error>) -> Self {
        match failed(error) {
            Failed::Late => Self::PeerSilent,
            Failed::Cut => Self::PeerCut,
            Failed::Check(error) => match error {
                session::Error::InvalidFrame(_)
                | session::Error::InvalidMessage(_)
                | session::Error::PeerMisbehaved(_) => Self::PeerGarbage,
                session::Error::Noise(_) => Self::NotAuthentic,
                session::Error::Refused(_) => Self::PeerRefused,
                session::Error::InvalidCertificate(error) => match error {
                    CertificateError::IssuerMismatch | CertificateError::IssuerKeyMismatch => {
                        Self::PeerOfAnotherCa
                    }
                    CertificateError::Validity(ValidityError::Expired { .. }) => Self::PeerExpired,
                    CertificateError::Validity(ValidityError::NotYetValid { .. }) => Self::PeerNotYetValid,
                    CertificateError::SubjectKeyMismatch => Self::PeerKeyDiffers,
                    CertificateError::SubjectMismatch => Self::PeerIsAnother,
                    CertificateError::Status(StatusError::Revoked(_)) => Self::PeerRevoked,
                    CertificateError::Status(_) => Self::PeerStatusRefused,
                    _ => Self::PeerCertificateRefused,
                },
                _ => Self::Internal,
            },
        }
    }
}

/// The common part of the tables for the CA and the peer.
enum Failed {
    Late,
    Cut,
    Check(session::Error),
}

fn failed(error: DriveError<impl embedded_io::Error>) -> Failed {
    match error {
        DriveError::Io(error) if error.kind() == ErrorKind::TimedOut => Failed::Late,
        DriveError::Io(_) | DriveError::Session(session::Error::Truncated) => Failed::Cut,
        DriveError::Session(error) => Failed::Check(error),
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Internal => "the device failed; this is a defect, please report it",
            Self::Usage => "the arguments are wrong",
            Self::Storage => "the storage failed; repair it or make room, and start again",
            Self::CannotListen => "the board cannot listen at this address",
            Self::CaUnreachable => "nothing takes connections at the CA's address; check it, or start the CA",
            Self::CaSilent => "the CA did not answer in time",
            Self::CaCut => "the connection to the CA was cut; try again",
            Self::CaGarbage => "the program at the CA's address is no MiniPKI CA",
            Self::ProofRefused => "the CA refused the proof; check the token and the CA's fingerprint",
            Self::TokenRefused => "the CA wants a valid token for this subject; ask its operator for one",
            Self::CaRefused => "the CA refused",
            Self::WrongFingerprint => "the certificate is not of the CA with the pinned fingerprint",
            Self::CertificateRefused => "the CA's answer is malformed, forged, or not the one asked for",
            Self::CertificateExpired => "the new certificate has expired already; check both clocks",
            Self::CertificateNotYetValid => "the new certificate has not begun; check both clocks",
            Self::Replayed => "the answer in the name of the CA is an earlier one, sent again",
            Self::Revoked => "the CA has revoked the certificate of this device; ask its operator",
            Self::PeerUnreachable => "nothing takes connections at the peer's address",
            Self::PeerSilent => "no peer answered in time",
            Self::PeerCut => "the connection to the peer was cut",
            Self::PeerGarbage => "the peer sent bytes that are no message of the protocol",
            Self::PeerRefused => "the peer refused us",
            Self::PeerOfAnotherCa => "the peer's certificate is from another CA",
            Self::PeerCertificateRefused => "the peer's certificate, or its status, is malformed or forged",
            Self::PeerExpired => "the peer's certificate has expired",
            Self::PeerNotYetValid => "the peer's certificate has not begun; check both clocks",
            Self::PeerKeyDiffers => "the peer's certificate is for another key than the peer's",
            Self::PeerIsAnother => "the peer is certified as another subject than the expected one",
            Self::NotAuthentic => "a message from the peer is not authentic",
            Self::PeerRevoked => "the CA has revoked the peer's certificate",
            Self::PeerStatusRefused => "the peer shows no revocation status that this device accepts",
        })
    }
}
