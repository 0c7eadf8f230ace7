//! Verification: the only way from a parsed certificate to a trusted one.

use super::signed::SignatureError;
use super::{Anchor, Certificate, Error, Id, Status};
use crate::crypto::{Hash, VerifySignature, rsa, x25519};
use crate::keys::Fingerprint;
use crate::limits::SPKI_DER;
use crate::time::Now;
use crate::trust::{GenuineStatus, RevocationCheck, RevocationStatus, Verified};

/// Verifies `certificate` under `anchor`, at `now`.
///
/// The checks are those of [RFC 5280 §6.1.3] (a) for a path of one certificate with a pinned trust
/// anchor. They run in this order, each with its own error:
///
/// 1. the certificate names the anchor's issuer, if the anchor has one ([`Error::IssuerMismatch`]);
/// 2. it names the anchor's key, or a former key that was in use when it began ([`Error::IssuerKey`],
///    [`Error::IssuerKeyMismatch`]);
/// 3. that key has signed it: RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes or
///    more ([`Error::SignatureEncoding`], [`Error::Signature`]);
/// 4. its revocation status is as `revocation` requires: genuine ([`Error::StatusIssuer`], [`Error::StatusSerial`],
///    [`Error::StatusSignature`] and the errors of [`Status::parse`]), then as the policy demands ([`Error::Status`]);
/// 5. `now` is within its validity ([`Error::Validity`]). This check comes last, so that an error
///    about the time is about a genuine certificate.
///
/// # Examples
/// ```
/// use minipki_core::cert::{self, Anchor, Certificate, Id};
/// use minipki_core::crypto::Portable;
/// use minipki_core::time::Now;
/// use minipki_core::trust::{RevocationCheck, ValidityError};
///
/// # const ANCHOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/anchor.json"));
/// # const SENSOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sensor.json"));
/// let anchor = Anchor::decode(Portable::new(), ANCHOR)?;
/// let certificate = Certificate::parse(SENSOR)?;
/// let now = Now::Exact("2026-06-15T12:00:00+00:00".parse()?);
/// let verified = cert::verify(Portable::new(), &anchor, &certificate, now, RevocationCheck::NotChecked)?;
/// let verified = verified.require_subject(Id::new("sensor-17")?)?;
/// assert!(verified.time_certain());
///
/// let later = Now::Exact("2026-07-02T00:00:00+00:00".parse()?);
/// let refused = cert::verify(Portable::new(), &anchor, &certificate, later, RevocationCheck::NotChecked);
/// assert!(matches!(refused, Err(cert::Error::Validity(ValidityError::Expired { .. }))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first check that fails.
///
/// [RFC 5280 §6.1.3]: https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3
pub fn verify<'a, V: Hash + VerifySignature>(
    verifier: V,
    anchor: &Anchor<V::Sizes>,
    certificate: &Certificate<'a>,
    now: Now,
    revocation: RevocationCheck,
) -> Result<Verified<Certificate<'a>>, Error> {
    // RFC 5280 §6.1.3 (a)(4): https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3
    if anchor.issuer_id().is_some_and(|id| id != certificate.issuer_id()) {
        return Err(Error::IssuerMismatch);
    }
    // Only the trust anchor's key, RFC 5280 §6.1.1 (d): https://www.rfc-editor.org/rfc/rfc5280#section-6.1.1
    let (fingerprint, found) = check_issuer_key(verifier, anchor, certificate)?;
    let key = found.as_ref().or(anchor.key()).ok_or(Error::IssuerKeyMismatch)?;
    // RFC 5280 §6.1.3 (a)(1); RFC 8017 §8.1.2: https://www.rfc-editor.org/rfc/rfc8017#section-8.1.2
    certificate.signed().verify(verifier, key).map_err(|error| match error {
        SignatureError::Encoding => Error::SignatureEncoding,
        SignatureError::Wrong(error) => Error::Signature(error),
    })?;
    // RFC 5280 §6.1.3 (a)(3).
    let revocation = match revocation {
        RevocationCheck::NotChecked => RevocationStatus::NotChecked,
        RevocationCheck::Status { status, policy } => {
            let status =
                status.map(|text| check_status(verifier, fingerprint, key, certificate, text)).transpose()?;
            policy.decide(status, now)?
        }
    };
    // RFC 5280 §6.1.3 (a)(2).
    let time_certain = certificate.validity().check(at_least(now, revocation))?;
    Ok(Verified::new(*certificate, time_certain, revocation))
}

/// Checks that the status in `text` is by the issuer of `certificate`, and about it.
#[inline(never)] // So that a verification without a status needs no stack for one.
fn check_status<V: Hash + VerifySignature>(
    verifier: V,
    fingerprint: Fingerprint,
    key: &rsa::PublicKey<V::Sizes>,
    certificate: &Certificate<'_>,
    text: &[u8],
) -> Result<GenuineStatus, Error> {
    let status = Status::parse(text)?;
    status.require_issuer(certificate.issuer_id(), fingerprint)?;
    status.verify(verifier, key, certificate.serial_number())
}

/// The time, after the statement of `revocation`. It can be later than a lower bound.
fn at_least(now: Now, revocation: RevocationStatus) -> Now {
    match (now, revocation) {
        (Now::AtLeast(now), RevocationStatus::Good { this_update, .. }) => Now::AtLeast(now.max(this_update)),
        _ => now,
    }
}

impl Verified<Certificate<'_>> {
    /// Checks that the certificate is for the subject `subject`.
    ///
    /// # Errors
    /// [`Error::SubjectMismatch`].
    pub fn require_subject(self, subject: Id<'_>) -> Result<Self, Error> {
        self.certificate().require_subject(subject).map(|()| self)
    }

    /// Checks that the certificate is for the X25519 public key `key`.
    ///
    /// # Errors
    /// [`Error::SubjectKeyMismatch`].
    pub fn require_key(self, key: &x25519::PublicKey) -> Result<Self, Error> {
        self.certificate().require_key(key).map(|()| self)
    }
}

/// Checks that the certificate's issuer key is the anchor's, or a former key that may have signed it. Returns its
/// fingerprint, and the key if the anchor does not have it.
#[inline(never)] // Frees the stack of its buffers before RSA needs it.
fn check_issuer_key<S: rsa::Sizes>(
    hash: impl Hash,
    anchor: &Anchor<S>,
    certificate: &Certificate<'_>,
) -> Result<(Fingerprint, Option<rsa::PublicKey<S>>), Error> {
    // The same text is the same key. All certificates of our CA have the same text.
    if anchor.matches_encoded_key(hash, certificate.issuer_key_b64()) {
        return Ok((anchor.fingerprint(), None));
    }
    let mut der = [0; SPKI_DER];
    let der = certificate.issuer_key_der(&mut der)?;
    let found = Fingerprint(hash.sha256(&[der]));
    if !anchor.accepts(&found, certificate.validity().not_before()) {
        return Err(Error::IssuerKeyMismatch);
    }
    let key = match anchor.key() {
        Some(_) if found == anchor.fingerprint() => None,
        _ => Some(rsa::PublicKey::from_spki_der(der).map_err(Error::IssuerKey)?),
    };
    Ok((found, key))
}
