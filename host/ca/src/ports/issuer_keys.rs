//! The keys of the CA, after changes of its key (protocol §7).

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::CertStatus;

/// A key of the CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKey {
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fingerprint: Fingerprint,
    /// The time from which it signs new certificates; [`UnixTime::MIN`] for the first key.
    pub not_before: UnixTime,
    /// The signed text of the `anchor_update` that leads from the key before it to this one; `None` for the first key.
    pub update: Option<Vec<u8>>,
}

/// A key of the CA, and the certificates that it has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKeyUse {
    /// The key.
    pub key: IssuerKey,
    /// The number of its certificates, of all formats.
    pub certificates: u64,
    /// The latest end among its certificates, revoked or not; `None` without a certificate.
    pub last_end: Option<UnixTime>,
}

/// The status of a certificate, and the key of the CA that must sign the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatedStatus {
    /// The status.
    pub status: CertStatus,
    /// The key that has signed the certificate; for an unknown serial number the newest key.
    pub issuer_key: Fingerprint,
}
