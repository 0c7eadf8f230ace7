//! A request for a certificate: what is asked for, how possession of the key was proven, and with which token.

use minipki_core::cert::IdBuf;
use minipki_core::crypto::{Provider, x25519};
use minipki_core::session::PossessionProof;

use super::{Inquiry, Source, TokenHash};

/// A request for a certificate, as a front hands it to the issuer.
pub struct CertificationRequest {
    /// The name that the certificate is to carry.
    pub subject_id: IdBuf,
    /// The X25519 public key that it is to certify.
    pub subject_key: x25519::PublicKey,
    /// The proof of possession, not checked yet; `None` in the classic form of enrolment.
    pub proof: Option<Box<dyn PossessionCheck>>,
    /// The network that the request comes from; `None` if not from a network.
    pub source: Option<Source>,
}

/// A request for a certificate, after its proof of possession was checked.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The name that the certificate is to carry.
    pub subject_id: IdBuf,
    /// The X25519 public key that it is to certify.
    pub subject_key: x25519::PublicKey,
    /// How the requester has proven that it holds the private key.
    pub possession: Possession,
    /// The token that the proof was made with, if any. It may be spent, expired or of another subject.
    pub token: Option<TokenHash>,
    /// The network that the request comes from; `None` if not from a network.
    pub source: Option<Source>,
}

/// How possession of the private key was proven (RFC 4211 §4). It says nothing of whether the requester may have the
/// name: that is its [`Authorization`](super::Authorization).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possession {
    /// Not at all: the classic form of enrolment.
    None,
    /// By a Diffie-Hellman agreement with a fresh key of the CA: the proven form (protocol §4, after RFC 6955).
    X25519Dh,
}

/// A proof of possession that can be checked. It may have been made with a token.
pub trait PossessionCheck: Send {
    /// Returns whether the proof was made with the subject's private key and with this token; with `None`, without any.
    fn proves(&self, token: Option<&TokenHash>) -> bool;
}

impl<P: Provider + Send + 'static> PossessionCheck for PossessionProof<P> {
    fn proves(&self, token: Option<&TokenHash>) -> bool {
        // A provider that cannot compute the proof has proven nothing.
        self.proves(token.map(TokenHash::as_bytes)).unwrap_or(false)
    }
}

impl IssueRequest {
    /// The inquiry to the ledger about this request.
    pub(super) fn inquiry(&self) -> Inquiry<'_> {
        Inquiry {
            subject_id: self.subject_id.as_id(),
            subject_key: self.subject_key.as_bytes(),
            token: self.token,
        }
    }
}
