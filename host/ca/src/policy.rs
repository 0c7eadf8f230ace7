//! Who may have a certificate: the rules, apart from how their facts are found.

use std::time::Duration;

use minipki_core::cert::Validity;
use minipki_core::time::UnixTime;

use super::{IssueRequest, Proof, RateLimits, Recorded};

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
    /// How many certificates a key, a name and a source may get within an hour.
    pub rates: RateLimits,
    /// Bytes that must be free on the ledger's disk for a new certificate. With less, new requests are refused as
    /// busy and repeated ones are still answered: the CA never fills its disk to the last byte. 0 allows all.
    pub min_free: u64,
}

impl Default for Policy {
    /// Proven enrolment without tokens, 90 days, 1024 waiting (about a quarter of a second of
    /// signing with a 2048-bit key), the default rates, 64 MiB free.
    fn default() -> Self {
        Self {
            open: false,
            require_token: false,
            validity: Duration::from_secs(90 * 24 * 60 * 60),
            max_waiting: 1024,
            rates: RateLimits::default(),
            min_free: 64 * 1024 * 1024,
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
    /// The key, the name or the source has got its certificates for this hour (`rate_limited`).
    #[error(
        "this key, name or network has got too many certificates within an hour; wait, or ask the CA's operator to raise the limit"
    )]
    RateLimited,
    /// Too many requests are waiting (`busy`).
    #[error("the CA has too much to do; try again in a moment")]
    Busy,
    /// The row of the ledger for this name or token is damaged (`internal`). Other requests go on.
    #[error("what the CA has recorded of this name is damaged; its operator finds the reason in the log")]
    Damaged,
    /// The CA failed; its log says why (`internal`).
    #[error("the CA could not complete the request; its operator finds the reason in the log")]
    Internal,
}

/// How far before its issue a certificate's validity begins, in seconds: a subject or peer whose
/// clock is a little behind the CA's would refuse it as not yet valid otherwise.
pub(super) const BACKDATE: u64 = 5 * 60;

/// How long after its issue a certificate is the answer to a repeated request without a token, in seconds (protocol §7).
const REPEATED_FOR: u64 = 24 * 60 * 60;

/// The facts that matter for one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The key that the subject's name belongs to.
    pub(super) holder: Option<[u8; 32]>,
    /// Whether the token that was proven is good for this subject.
    pub(super) token_live: bool,
}

/// The answer to a request that the policy allows.
pub(super) enum Allowed<'r, A> {
    /// A new certificate.
    New(Approved<'r>),
    /// The answer that the same request was given before.
    Repeat(A),
}

/// A request that gets a new certificate. Only [`Policy::judge`] makes one, and only these are signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approved<'r>(&'r IssueRequest);

impl<'r> Approved<'r> {
    /// What was asked.
    pub(super) const fn request(&self) -> &'r IssueRequest {
        self.0
    }
}

impl Policy {
    /// Decides on one request, and on whether what the same request was `answered` before is repeated.
    pub(super) fn judge<'r, A>(
        &self,
        request: &'r IssueRequest,
        standing: Standing,
        answered: Option<A>,
    ) -> Result<Allowed<'r, A>, Refused> {
        let token = request.proof.token().is_some();
        let moves = standing.holder.is_some_and(|holder| holder != request.subject_key);
        match (request.proof, answered) {
            (Proof::Classic, _) if !self.open || self.require_token => Err(Refused::ClassicNotServed),
            _ if self.require_token && !token => Err(Refused::TokenRequired),
            // The name may have moved to another key since.
            (_, Some(answer)) if !moves => Ok(Allowed::Repeat(answer)),
            _ if token && !standing.token_live => Err(Refused::TokenInvalid),
            _ if moves && !token => Err(Refused::SubjectTaken),
            _ => Ok(Allowed::New(Approved(request))),
        }
    }
}

/// When a certificate of this validity was issued.
pub(super) fn issued_at(validity: &Validity) -> u64 {
    validity.not_before().get().saturating_add(BACKDATE)
}

/// Whether `earlier` answers the same request again at `now`.
///
/// With a token there is no other answer, so it is good as long as the token. Without one a certificate that has not
/// begun is not repeated: a clock that was ahead when it was issued would make it the only answer for years.
pub(super) fn is_repeatable(earlier: &Recorded, proof: &Proof, now: UnixTime) -> bool {
    let begun = earlier.validity.not_before() <= now;
    let recent = now.get() < issued_at(&earlier.validity).saturating_add(REPEATED_FOR);
    proof.token().is_some() || (begun && recent)
}
