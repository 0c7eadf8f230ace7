//! Who may have a certificate: the rules, apart from how their facts are found.

use std::time::Duration;

use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;

use super::ports::CertificateRecord;
use super::{IssueRequest, Possession, RateLimits, TokenHash};

/// What a CA allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which forms of enrolment are served.
    pub enrolment: Enrolment,
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

/// Which forms of enrolment a CA serves (protocol §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolment {
    /// The proven form, and the classic form, in which nothing is proven.
    Open,
    /// The proven form, with a token or without.
    Proven,
    /// The proven form with a token, also for a name that the key has already.
    Token,
}

/// Why a requester may have the name that it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The name belongs to no key yet.
    FirstCome,
    /// The name belongs to the key that is to be certified.
    SameKey,
    /// A token for the name, which is spent on the certificate.
    Token(TokenHash),
}

impl Default for Policy {
    /// Proven enrolment without tokens, 90 days, 1024 waiting (about a quarter of a second of
    /// signing with a 2048-bit key), the default rates, 64 MiB free.
    fn default() -> Self {
        Self {
            enrolment: Enrolment::Proven,
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
    /// The proof fits none of the secrets that it may have been made with (`proof_failed`). Which one the client meant,
    /// nobody can tell: a wrong key, a wrong token and a spent token look the same.
    #[error("the proof fits neither the key nor the token with the challenge")]
    ProofFailed,
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

/// The facts that the policy decides on for one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameState<'a> {
    /// The key that the name belongs to.
    pub(super) holder: Option<&'a [u8]>,
    /// Whether the token of the request can be spent on it.
    pub(super) token_live: bool,
}

/// The decision on a request that the policy allows.
pub(super) enum Allowed<'r, A> {
    /// A new certificate.
    New(Approved<'r>),
    /// The answer that the same request was given before.
    Repeat(A),
}

/// A request that gets a new certificate. Only [`Policy::judge`] makes one, and only these are signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approved<'r> {
    request: &'r IssueRequest,
    authorization: Authorization,
}

impl<'r> Approved<'r> {
    /// What was asked.
    pub(super) const fn request(&self) -> &'r IssueRequest {
        self.request
    }

    /// The token to be spent.
    pub(super) const fn token(&self) -> Option<TokenHash> {
        match self.authorization {
            Authorization::Token(token) => Some(token),
            Authorization::FirstCome | Authorization::SameKey => None,
        }
    }
}

impl Policy {
    /// Decides on one request, and on whether what the same request was `answered` before is repeated.
    pub(super) fn judge<'r, A>(
        &self,
        request: &'r IssueRequest,
        name: NameState<'_>,
        answered: Option<A>,
    ) -> Result<Allowed<'r, A>, Refused> {
        self.check_form(request)?;
        match answered {
            // The name may have moved to another key since.
            Some(answer) if name.holder.is_none_or(|holder| holder == *request.subject_key.as_bytes()) => {
                Ok(Allowed::Repeat(answer))
            }
            _ => Ok(Allowed::New(Approved { request, authorization: authorize(request, name)? })),
        }
    }

    /// Which forms of a request are served at all.
    ///
    /// | | classic | proven, no token | proven, token |
    /// | --- | --- | --- | --- |
    /// | [`Enrolment::Open`] | served | served | served |
    /// | [`Enrolment::Proven`] | refused | served | served |
    /// | [`Enrolment::Token`] | refused | refused | served |
    const fn check_form(&self, request: &IssueRequest) -> Result<(), Refused> {
        match (self.enrolment, request.possession, request.token) {
            (Enrolment::Open, _, _)
            | (Enrolment::Proven, Possession::X25519Dh, _)
            | (Enrolment::Token, Possession::X25519Dh, Some(_)) => Ok(()),
            (_, Possession::None, _) => Err(Refused::ClassicNotServed),
            (Enrolment::Token, Possession::X25519Dh, None) => Err(Refused::TokenRequired),
        }
    }
}

/// Why the requester may have the name. A token moves a name to another key, and nothing else does.
///
/// | the name belongs to | no token | live token | other token |
/// | --- | --- | --- | --- |
/// | no key | first come | token | refused |
/// | the same key | same key | token | refused |
/// | another key | refused | token | refused |
fn authorize(request: &IssueRequest, name: NameState) -> Result<Authorization, Refused> {
    match (request.token, name.holder) {
        (Some(token), _) if name.token_live => Ok(Authorization::Token(token)),
        (Some(_), _) => Err(Refused::TokenInvalid),
        (None, None) => Ok(Authorization::FirstCome),
        (None, Some(holder)) if holder == *request.subject_key.as_bytes() => Ok(Authorization::SameKey),
        (None, Some(_)) => Err(Refused::SubjectTaken),
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
pub(super) fn is_repeatable(earlier: &CertificateRecord, token: Option<TokenHash>, now: UnixTime) -> bool {
    let begun = earlier.validity.not_before() <= now;
    let recent = now.get() < issued_at(&earlier.validity).saturating_add(REPEATED_FOR);
    token.is_some() || (begun && recent)
}
