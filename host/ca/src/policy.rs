//! The rules for a certificate. The ledger provides the facts that they need.

use std::ops::RangeInclusive;
use std::time::Duration;

use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::ports::CertificateRecord;
use super::profile::{self, BACKDATE, CertTemplate, JsonProfile, ProfileError};
use super::{IssueRequest, Possession, RateLimits, TokenHash};

/// The rules of a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The forms of enrolment that are served.
    pub enrolment: Enrolment,
    /// The time from the issue of a certificate until its end, in whole seconds. Its `not_before` is five minutes
    /// before the issue, for clocks that are a little behind.
    pub validity: Duration,
    /// The time after the end of a certificate in which it can still be renewed, in whole seconds. 0 forbids it.
    pub renewal_grace: Duration,
    /// Whether a renewal revokes the renewed certificate, for `superseded`. Otherwise that certificate stays valid until
    /// its end.
    pub revoke_superseded: bool,
    /// The time until which a status can be used, in whole seconds.
    pub status_lifetime: Duration,
    /// The time until which a list of revoked certificates can be used, in whole seconds. A served list is replaced much
    /// earlier.
    pub list_lifetime: Duration,
    /// The time until which an answer by OCSP can be used, in whole seconds: [`OCSP_LIFETIMES`](super::OCSP_LIFETIMES).
    pub ocsp_lifetime: Duration,
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
    /// The requester holds the current certificate of the name, with this serial number.
    Renewal(Serial),
    /// An operator has allowed the names of an X.509 certificate.
    Operator,
}

impl Default for Policy {
    /// Proven enrolment without tokens, 90 days, batches of 1024 (about a quarter of a second with a 2048-bit key), the
    /// default rates, 64 MiB free. Renewals until 7 days after the end, statuses and answers by OCSP for a day, lists for
    /// 7 days.
    fn default() -> Self {
        Self {
            enrolment: Enrolment::Proven,
            validity: Duration::from_secs(90 * DAY),
            renewal_grace: Duration::from_secs(7 * DAY),
            revoke_superseded: false,
            status_lifetime: Duration::from_secs(DAY),
            list_lifetime: Duration::from_secs(7 * DAY),
            ocsp_lifetime: Duration::from_secs(DAY),
            max_waiting: 1024,
            rates: RateLimits::default(),
            min_free: 64 * 1024 * 1024,
        }
    }
}

const DAY: u64 = 24 * 60 * 60;

/// The limits of [`Policy::validity`] and of the lifetime that a token sets: from a minute to ten years with their leap
/// days, in seconds.
pub const LIFETIMES: RangeInclusive<u64> = 60..=3653 * DAY;

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
    /// The certificate to renew is revoked or on hold, or the name has a certificate on hold (`revoked`).
    #[error("the certificate is revoked, or a certificate of this name is on hold")]
    Revoked,
    /// A certificate of this key was revoked for a compromise of the key (`revoked`).
    #[error("this key was reported as compromised, and is not certified again")]
    KeyCompromised,
    /// No certificate of this subject has the serial number (`unknown_certificate`).
    #[error("this CA has issued no such certificate to this subject")]
    UnknownCertificate,
    /// The certificate ended before the grace of the policy; a certificate that has ended has no twin (`expired`).
    #[error("the certificate ended too long ago")]
    Expired,
    /// The certificate has no X.509 twin: readers would refuse it, or its key has no X.509 certificate (`not_allowed`).
    #[error("this certificate has no X.509 twin")]
    NoX509,
    /// Only an operator ends a hold, also by a revocation (`not_allowed`).
    #[error("only an operator of the CA can end a hold")]
    HoldByOperator,
    /// The policy requires a token (`token_invalid`).
    #[error("this CA enrols only with a token")]
    TokenRequired,
    /// The key, the name or the source has reached its limit of certificates, or the source its limit of statuses, for
    /// this hour (`rate_limited`).
    #[error("too many requests of this key, name or network were granted within an hour")]
    RateLimited,
    /// Too many requests are waiting (`busy`).
    #[error("the CA is busy")]
    Busy,
    /// The row of the ledger for this name or token is damaged (`internal`). Other requests are not affected.
    #[error("the CA's record of this name is damaged")]
    Damaged,
    /// The CA does not have the private key that signed the certificate any more (`internal`). Other requests are not
    /// affected.
    #[error("the CA does not have the key of this certificate any more")]
    KeyGone,
    /// The CA failed. Its log has the reason (`internal`).
    #[error("the CA could not complete the request")]
    Internal,
}

/// The seconds after its issue in which a certificate answers a repeated request for the same name and key (protocol
/// §7).
const REPEATED_FOR: u64 = DAY;

/// The facts for one decision: those of the ledger, after the earlier requests of the batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameState<'a> {
    /// The key that the name belongs to.
    pub(super) holder: Option<&'a [u8]>,
    /// Whether the token of the request can be spent.
    pub(super) token_live: bool,
    /// The lifetime that the token sets, in seconds.
    pub(super) token_lifetime: Option<u64>,
    /// Whether a certificate of the name is on hold.
    pub(super) held: bool,
    /// Whether the key of the request was revoked for a compromise.
    pub(super) key_compromised: bool,
    /// The certificate to renew.
    pub(super) current: Option<&'a CertificateRecord>,
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
    /// The lifetime that the token, or the certificate to renew, has set; in seconds.
    lifetime: Option<u64>,
}

impl<'r> Approved<'r> {
    pub(super) const fn request(&self) -> &'r IssueRequest {
        self.request
    }

    /// The fields of the certificate, which is issued `now`.
    pub(super) fn template(
        &self,
        policy: &Policy,
        now: UnixTime,
    ) -> Result<CertTemplate<'r, JsonProfile>, ProfileError> {
        let validity = profile::validity(self.lifetime.unwrap_or(policy.validity.as_secs()), now)?;
        Ok(CertTemplate {
            profile: &JsonProfile,
            subject_id: self.request.subject_id.as_id(),
            subject_key: self.request.subject_key.as_bytes(),
            validity,
            token: match self.authorization {
                Authorization::Token(token) => Some(token),
                Authorization::FirstCome
                | Authorization::SameKey
                | Authorization::Renewal(_)
                | Authorization::Operator => None,
            },
            renews: self.request.renews,
            supersede: policy.revoke_superseded,
            lifetime: self.lifetime,
            request: None,
        })
    }
}

impl Policy {
    /// Decides on one request at `now`. `answered` is the earlier answer to the same request.
    pub(super) fn decide<'r, A>(
        &self,
        request: &'r IssueRequest,
        name: NameState<'_>,
        answered: Option<A>,
        now: UnixTime,
    ) -> Result<Allowed<'r, A>, Refused> {
        self.check_form(request)?;
        if name.key_compromised {
            return Err(Refused::KeyCompromised);
        }
        match answered {
            // The name may have moved to another key meanwhile.
            Some(answer) if name.holder.is_none_or(|holder| holder == *request.subject_key.as_bytes()) => {
                Ok(Allowed::Repeat(answer))
            }
            _ if name.held => Err(Refused::Revoked),
            _ => {
                let authorization = match request.renews {
                    Some(serial) => self.authorize_renewal(serial, name, now)?,
                    None => authorize(request, name)?,
                };
                let lifetime = match authorization {
                    Authorization::Token(_) => name.token_lifetime,
                    Authorization::Renewal(_) => name.current.and_then(|current| current.lifetime),
                    Authorization::FirstCome | Authorization::SameKey | Authorization::Operator => None,
                };
                Ok(Allowed::New(Approved { request, authorization, lifetime }))
            }
        }
    }

    /// Decides on a renewal. Its proof has shown the key of the current certificate.
    ///
    /// The name must still belong to that key, or to no key. So of two renewals of one certificate with different new
    /// keys, only the first gets the name.
    fn authorize_renewal(
        &self,
        serial: Serial,
        name: NameState<'_>,
        now: UnixTime,
    ) -> Result<Authorization, Refused> {
        let current = name.current.ok_or(Refused::UnknownCertificate)?;
        if current.revocation.is_some() {
            return Err(Refused::Revoked);
        }
        let end = current.validity.not_after().get().saturating_add(self.renewal_grace.as_secs());
        if now.get() > end {
            return Err(Refused::Expired);
        }
        match name.holder {
            Some(holder) if holder != current.subject_key => Err(Refused::SubjectTaken),
            _ => Ok(Authorization::Renewal(serial)),
        }
    }

    /// Checks that this form of request is served. A renewal always is.
    ///
    /// | | classic | proven, no token | proven, token |
    /// | --- | --- | --- | --- |
    /// | [`Enrolment::Open`] | served | served | served |
    /// | [`Enrolment::Proven`] | refused | served | served |
    /// | [`Enrolment::Token`] | refused | refused | served |
    const fn check_form(&self, request: &IssueRequest) -> Result<(), Refused> {
        match (self.enrolment, request.possession, request.token) {
            // An X25519 key signs nothing.
            (_, Possession::CsrSignature, _) => Err(Refused::ProofFailed),
            (Enrolment::Open, _, _)
            | (Enrolment::Proven, Possession::X25519Dh, _)
            | (Enrolment::Token, Possession::X25519Dh, Some(_)) => Ok(()),
            _ if request.renews.is_some() => Ok(()),
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

/// The time of issue, in seconds since 1970. Earlier versions recorded only the validity, which begins before it.
pub(super) fn issued_at(record: &CertificateRecord) -> u64 {
    let issued = record.issued.map(UnixTime::get);
    issued.unwrap_or_else(|| record.validity.not_before().get().saturating_add(BACKDATE))
}

/// Whether `earlier` answers the same `request` again at `now`.
///
/// With a token, or for a renewal, there is no other answer. Without either, a certificate that is not valid yet is not
/// repeated: it was issued while the clock was ahead, and would be the only answer for years.
pub(super) fn is_repeatable(earlier: &CertificateRecord, request: &IssueRequest, now: UnixTime) -> bool {
    request.token.is_some() || request.renews.is_some() || is_recent(earlier, now)
}

/// Whether `earlier`, an X.509 certificate, answers the same certification request again at `now`.
pub(super) fn answers_again(earlier: &CertificateRecord, now: UnixTime) -> bool {
    earlier.revocation.is_none() && now <= earlier.validity.not_after() && is_recent(earlier, now)
}

/// Whether the validity of `earlier` has begun, and its time of issue is near.
fn is_recent(earlier: &CertificateRecord, now: UnixTime) -> bool {
    let begun = earlier.validity.not_before() <= now;
    begun && now.get() < issued_at(earlier).saturating_add(REPEATED_FOR)
}

/// Decides whether a request for an X.509 certificate is served: its holder has signed it, and an operator has allowed its
/// names.
pub(super) const fn authorize_request(
    possession: Possession,
    authorization: Authorization,
) -> Result<(), Refused> {
    match (possession, authorization) {
        (Possession::CsrSignature, Authorization::Operator) => Ok(()),
        _ => Err(Refused::ProofFailed),
    }
}
