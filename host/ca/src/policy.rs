//! The rules for a certificate. The ledger provides the facts that they need.

use std::time::Duration;

use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;

use super::ports::CertificateRecord;
use super::profile::{BACKDATE, CertTemplate, JsonProfile};
use super::{IssueRequest, Possession, RateLimits, TokenHash};

/// The rules of a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The forms of enrolment that are served.
    pub enrolment: Enrolment,
    /// The time from the issue of a certificate until its end, in whole seconds. Its `not_before` is five minutes
    /// before the issue, for clocks that are a little behind.
    pub validity: Duration,
    /// The maximum number of requests in a batch. The requests above it are refused as busy, so the time of a batch is
    /// bounded.
    pub max_waiting: usize,
    /// The limits on certificates for a key, a name and a source within an hour.
    pub rates: RateLimits,
    /// Bytes that must be free on the ledger's disk for a new certificate. With less, new requests are refused as busy,
    /// and repeated ones are answered. 0 turns the check off.
    pub min_free: u64,
}

/// The forms of enrolment that a CA serves (protocol §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolment {
    /// The proven form, and the classic form, which has no proof.
    Open,
    /// The proven form, with or without a token.
    Proven,
    /// The proven form with a token, even for a name that belongs to the key already.
    Token,
}

/// The reason why a requester may have the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The name belongs to no key yet.
    FirstCome,
    /// The name belongs to the key that is to be certified.
    SameKey,
    /// A token for the name. It is spent on the certificate.
    Token(TokenHash),
}

impl Default for Policy {
    /// Proven enrolment without tokens, 90 days, batches of 1024 (about a quarter of a second with a 2048-bit key), the
    /// default rates, 64 MiB free.
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

/// The reason why a request gets no certificate. A client may see the text (protocol §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name belongs to another key (`subject_taken`).
    #[error("this subject has a live certificate for another key")]
    SubjectTaken,
    /// The token is not valid for this subject now (`token_invalid`).
    #[error("the token is unknown, spent, expired or for another subject")]
    TokenInvalid,
    /// The policy does not allow the classic form (`not_allowed`).
    #[error("this CA does not serve the classic form of enrolment")]
    ClassicNotServed,
    /// The proof does not fit (`proof_failed`). The cause is a wrong key, a wrong token or a spent token: they cannot
    /// be distinguished.
    #[error("the proof fits neither the key nor the token with the challenge")]
    ProofFailed,
    /// The policy requires a token (`token_invalid`).
    #[error("this CA enrols only with a token")]
    TokenRequired,
    /// The key, the name or the source has reached its limit of certificates for this hour (`rate_limited`).
    #[error("this key, name or network has got too many certificates within an hour")]
    RateLimited,
    /// Too many requests are waiting (`busy`).
    #[error("the CA is busy")]
    Busy,
    /// The row of the ledger for this name or token is damaged (`internal`). Other requests are not affected.
    #[error("the CA's record of this name is damaged")]
    Damaged,
    /// The CA failed. Its log has the reason (`internal`).
    #[error("the CA could not complete the request")]
    Internal,
}

/// The seconds after its issue in which a certificate answers a repeated request without a token (protocol §7).
const REPEATED_FOR: u64 = 24 * 60 * 60;

/// The facts for one decision: those of the ledger, after the earlier requests of the batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameState<'a> {
    /// The key that the name belongs to.
    pub(super) holder: Option<&'a [u8]>,
    /// Whether the token of the request can be spent.
    pub(super) token_live: bool,
}

/// The decision on a request that the policy allows.
pub(super) enum Allowed<'r, A> {
    /// A new certificate.
    New(Approved<'r>),
    /// The earlier answer to the same request.
    Repeat(A),
}

/// A request that gets a new certificate. Only [`Policy::decide`] makes one, and only these are signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approved<'r> {
    request: &'r IssueRequest,
    authorization: Authorization,
}

impl<'r> Approved<'r> {
    pub(super) const fn request(&self) -> &'r IssueRequest {
        self.request
    }

    /// The fields of the certificate.
    pub(super) fn template(&self, validity: Validity) -> CertTemplate<'r, JsonProfile> {
        CertTemplate {
            profile: &JsonProfile,
            subject_id: self.request.subject_id.as_id(),
            subject_key: self.request.subject_key.as_bytes(),
            validity,
            token: match self.authorization {
                Authorization::Token(token) => Some(token),
                Authorization::FirstCome | Authorization::SameKey => None,
            },
        }
    }
}

impl Policy {
    /// Decides on one request. `answered` is the earlier answer to the same request.
    pub(super) fn decide<'r, A>(
        &self,
        request: &'r IssueRequest,
        name: NameState<'_>,
        answered: Option<A>,
    ) -> Result<Allowed<'r, A>, Refused> {
        self.check_form(request)?;
        match answered {
            // The name may have moved to another key meanwhile.
            Some(answer) if name.holder.is_none_or(|holder| holder == *request.subject_key.as_bytes()) => {
                Ok(Allowed::Repeat(answer))
            }
            _ => Ok(Allowed::New(Approved { request, authorization: authorize(request, name)? })),
        }
    }

    /// Checks that this form of request is served.
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

/// The reason why the requester may have the name. Only a token moves a name to another key.
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

/// The time of issue of a certificate with this validity.
pub(super) fn issued_at(validity: &Validity) -> u64 {
    validity.not_before().get().saturating_add(BACKDATE)
}

/// Whether `earlier` answers the same request again at `now`.
///
/// With a token there is no other answer. Without a token, a certificate that is not valid yet is not repeated: it was
/// issued while the clock was ahead, and would be the only answer for years.
pub(super) fn is_repeatable(earlier: &CertificateRecord, token: Option<TokenHash>, now: UnixTime) -> bool {
    let begun = earlier.validity.not_before() <= now;
    let recent = now.get() < issued_at(&earlier.validity).saturating_add(REPEATED_FOR);
    token.is_some() || (begun && recent)
}
