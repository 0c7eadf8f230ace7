//! A request for a certificate, before and after the check of its proof of possession.

use minipki_core::cert::IdBuf;
use minipki_core::crypto::{Provider, x25519};
use minipki_core::session::PossessionProof;

use super::{Inquiry, Source, TokenHash};

/// A request for a certificate with its proof. A front passes it to the issuer.
pub struct CertificationRequest {
    /// The subject of the certificate.
    pub subject_id: IdBuf,
    /// The X25519 public key to certify.
    pub subject_key: x25519::PublicKey,
    /// The proof of possession. Not checked. `None` in the classic form of enrolment.
    pub proof: Option<Box<dyn PossessionCheck>>,
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
}

/// A proof of possession that can be checked.
pub trait PossessionCheck: Send {
    /// Whether the proof was made with the subject's private key and this token; `None` is no token.
    fn proves(&self, token: Option<&TokenHash>) -> bool;
}

impl<P: Provider + Send + 'static> PossessionCheck for PossessionProof<P> {
    fn proves(&self, token: Option<&TokenHash>) -> bool {
        // If the provider cannot compute the proof, nothing is proven.
        self.proves(token.map(TokenHash::as_bytes)).unwrap_or(false)
    }
}

impl IssueRequest {
    pub(super) fn inquiry(&self) -> Inquiry<'_> {
        Inquiry {
            subject_id: self.subject_id.as_id(),
            subject_key: self.subject_key.as_bytes(),
            token: self.token,
        }
    }
}
