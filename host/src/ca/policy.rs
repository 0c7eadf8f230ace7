//! Who may have a certificate: the rules, apart from how their facts are found.

use std::time::Duration;

use minipki_core::cert::IdBuf;

use super::TokenHash;

/// What a CA allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Also serve the classic form, in which nothing is proven (protocol §4).
    pub open: bool,
    /// Every enrolment must prove a token, a renewal too. The classic form can prove none, so it
    /// is refused whatever `open` says.
    pub require_token: bool,
    /// How long a certificate is valid from the moment it is issued on, in whole seconds. Its
    /// `not_before` lies five minutes before that moment, for clocks that are a little behind.
    pub validity: Duration,
    /// How many requests may wait to be signed together; those beyond are refused as busy, so a
    /// flood costs a bounded time and the ones that wait are answered.
    pub max_waiting: usize,
}

impl Default for Policy {
    /// Proven enrolment without tokens, 90 days, 1024 waiting (about a quarter of a second of
    /// signing with a 2048-bit key).
    fn default() -> Self {
        Self {
            open: false,
            require_token: false,
            validity: Duration::from_secs(90 * 24 * 60 * 60),
            max_waiting: 1024,
        }
    }
}

/// One wish for a certificate, after its sender's proof was checked.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// Whom the certificate is to name.
    pub subject_id: IdBuf,
    /// The X25519 public key it is to certify.
    pub subject_key: [u8; 32],
    /// What the sender has proven.
    pub proof: Proof,
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

/// Why a request gets no certificate, in words that a client may see (protocol §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name belongs to another key (`subject_taken`).
    #[error(
        "this subject has a live certificate for another key; enrol with that key, or ask the CA's operator for a token"
    )]
    SubjectTaken,
    /// The token is not good for this subject now (`token_invalid`).
    #[error(
        "the token is unknown, spent, expired or for another subject; ask the CA's operator for a new one"
    )]
    TokenInvalid,
    /// The policy does not allow what was asked (`not_allowed`).
    #[error("this CA does not serve the classic form of enrolment; use the proven form")]
    ClassicNotServed,
    /// The policy asks for a token (`token_invalid`).
    #[error("this CA enrols only with a token; ask its operator for one")]
    TokenRequired,
    /// Too many requests are waiting (`busy`).
    #[error("the CA has too much to do; try again in a moment")]
    Busy,
    /// The CA failed; its log says why (`internal`).
    #[error("the CA could not complete the request; its operator finds the reason in the log")]
    Internal,
}

/// What the ledger knows that matters for one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The key that the subject's name belongs to.
    pub(super) holder: Option<[u8; 32]>,
    /// Whether the token that was proven is good for this subject.
    pub(super) token_live: bool,
}

/// A request that the policy allows. Only [`Policy::judge`] makes one, and only these are signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approved<'r>(&'r IssueRequest);

impl<'r> Approved<'r> {
    /// What was asked.
    pub(super) const fn request(&self) -> &'r IssueRequest {
        self.0
    }
}

impl Policy {
    /// Decides on one request.
    pub(super) fn judge<'r>(
        &self,
        request: &'r IssueRequest,
        standing: Standing,
    ) -> Result<Approved<'r>, Refused> {
        let token = request.proof.token().is_some();
        let moves = standing.holder.is_some_and(|holder| holder != request.subject_key);
        match request.proof {
            Proof::Classic if !self.open || self.require_token => Err(Refused::ClassicNotServed),
            _ if token && !standing.token_live => Err(Refused::TokenInvalid),
            _ if self.require_token && !token => Err(Refused::TokenRequired),
            _ if moves && !token => Err(Refused::SubjectTaken),
            _ => Ok(Approved(request)),
        }
    }
}
