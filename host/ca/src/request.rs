//! A request for a certificate, after the proof of its sender was checked.

use minipki_core::cert::IdBuf;

use super::{Inquiry, Source, TokenHash};

/// One wish for a certificate, after its sender's proof was checked.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// Whom the certificate is to name.
    pub subject_id: IdBuf,
    /// The X25519 public key it is to certify.
    pub subject_key: [u8; 32],
    /// What the sender has proven.
    pub proof: Proof,
    /// Where it comes from; `None` if not from a network.
    pub source: Option<Source>,
}

/// What the sender of a request has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: the classic form.
    Classic,
    /// That it holds the private key, and the token if there is one.
    Proven {
        /// The hash of the token that the proof was made with.
        token: Option<TokenHash>,
    },
}

impl Proof {
    /// The token that was proven, if any.
    pub const fn token(&self) -> Option<TokenHash> {
        match self {
            Self::Proven { token } => *token,
            Self::Classic => None,
        }
    }
}

impl IssueRequest {
    /// The inquiry to the ledger about this request.
    pub(super) fn inquiry(&self) -> Inquiry<'_> {
        Inquiry {
            subject_id: self.subject_id.as_id(),
            subject_key: self.subject_key,
            token: self.proof.token(),
        }
    }
}
