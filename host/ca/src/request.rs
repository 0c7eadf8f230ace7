//! The requests of clients, before and after the check of their proofs of possession.

use minipki_core::cert::IdBuf;
use minipki_core::crypto::{Provider, x25519};
use minipki_core::keys::Fingerprint;
use minipki_core::session::{PossessionProof, RenewalProof, RevocationProof};
use minipki_core::trust::{RevocationReason, Serial};

use super::{Inquiry, Source, TokenHash};

/// A request for a certificate with its proof. A front passes it to the issuer.
pub struct CertificationRequest {
    /// The subject of the certificate.
    pub subject_id: IdBuf,
    /// The X25519 public key to certify.
    pub subject_key: x25519::PublicKey,
    /// The proof of possession. Not checked.
    pub proof: RequestProof,
    /// The network that the request comes from; `None` if not from a network.
    pub source: Option<Source>,
}

/// The proof of a request for a certificate.
pub enum RequestProof {
    /// No proof: the classic form of enrolment.
    None,
    /// The proof of the key to certify, and of a token if one is used.
    Key(Box<dyn PossessionCheck>),
    /// A renewal: the proof of the key to certify, and of the key of the current certificate.
    Renewal {
        /// The serial number of the current certificate.
        serial: Serial,
        /// The proof.
        proof: Box<dyn HolderCheck>,
    },
}

/// A request of the holder to revoke a certificate. A front passes it to the issuer.
pub struct RevocationRequest {
    /// The serial number of the certificate.
    pub serial: Serial,
    /// The reason.
    pub reason: RevocationReason,
    /// The proof of the certificate's key. Not checked.
    pub proof: Box<dyn HolderCheck>,
}

/// A request for the status of a certificate. A front passes it to the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRequest {
    /// The serial number of the certificate.
    pub serial: Serial,
    /// The nonce that the status must have. Without a nonce, an earlier status is an answer too.
    pub nonce: Option<[u8; 32]>,
    /// The network that the request comes from; `None` if not from a network.
    pub source: Option<Source>,
}

/// A request for the X.509 twin of a certificate. A front passes it to the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwinRequest {
    /// The serial number of the certificate.
    pub serial: Serial,
    /// The network that the request comes from; `None` if not from a network.
    pub source: Option<Source>,
}

/// A request for a certificate with a checked proof.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The subject of the certificate.
    pub subject_id: IdBuf,
    /// The X25519 public key to certify.
    pub subject_key: x25519::PublicKey,
    /// The proof that the requester holds the private key.
    pub possession: Possession,
    /// The token of the proof, if there is one. It may be spent, expired or of another subject.
    pub token: Option<TokenHash>,
    /// The current certificate of a renewal. Its key is proven too.
    pub renews: Option<Serial>,
    /// The network that the request comes from; `None` if not from a network.
    pub source: Option<Source>,
}

/// The proof of possession of the private key (RFC 4211 §4). The right to the name is separate:
/// [`Authorization`](super::Authorization).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possession {
    /// No proof: the classic form of enrolment.
    None,
    /// A Diffie-Hellman agreement with a fresh key of the CA: the proven form (protocol §4, after RFC 6955).
    X25519Dh,
    /// The signature of a certification request (RFC 2986 §4.2).
    CsrSignature,
}

/// A proof of possession that can be checked.
pub trait PossessionCheck: Send {
    /// Whether the proof was made with the subject's private key and this token (`None` is no token), for a CA whose key
    /// has one of the fingerprints `issuers`.
    fn proves(&self, issuers: &[Fingerprint], token: Option<&TokenHash>) -> bool;
}

impl<P: Provider + Send + 'static> PossessionCheck for PossessionProof<P> {
    fn proves(&self, issuers: &[Fingerprint], token: Option<&TokenHash>) -> bool {
        // If the provider cannot compute the proof, nothing is proven.
        self.proves(issuers, token.map(TokenHash::as_bytes)).unwrap_or(false)
    }
}

/// A proof of the key of a recorded certificate that can be checked.
pub trait HolderCheck: Send {
    /// Whether the proof was made with the private key of `holder`, the public key of that certificate, for a CA whose
    /// key has one of the fingerprints `issuers`.
    fn proves(&self, issuers: &[Fingerprint], holder: &x25519::PublicKey) -> bool;
}

impl<P: Provider<AgreementKey: Send> + Send + 'static> HolderCheck for RenewalProof<P> {
    fn proves(&self, issuers: &[Fingerprint], holder: &x25519::PublicKey) -> bool {
        self.proves(issuers, holder).unwrap_or(false)
    }
}

impl<P: Provider<AgreementKey: Send> + Send + 'static> HolderCheck for RevocationProof<P> {
    fn proves(&self, issuers: &[Fingerprint], holder: &x25519::PublicKey) -> bool {
        self.proves(issuers, holder).unwrap_or(false)
    }
}

impl IssueRequest {
    pub(super) fn inquiry(&self) -> Inquiry<'_> {
        Inquiry {
            subject_id: self.subject_id.as_id(),
            subject_key: self.subject_key.as_bytes(),
            token: self.token,
            renews: self.renews,
        }
    }
}
