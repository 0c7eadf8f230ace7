//! Verification: the one way from a certificate that can be read to one that can be trusted.

use super::{Anchor, Certificate, Error, Id};
use crate::crypto::{Provider, rsa};
use crate::keys::Fingerprint;
use crate::limits::{KEY, RSA_BYTES, SPKI_DER};
use crate::time::Now;

/// The shortest PSS salt that is accepted: as long as the hash (RFC 8017 §9.1).
const SALT: rsa::SaltLength = rsa::SaltLength::AtLeast(32);

/// A certificate that an anchor vouches for, at a time. Only [`verify`] makes it.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    certificate: Certificate<'a>,
    time_certain: bool,
}

impl<'a> Verified<'a> {
    /// What was verified.
    pub const fn certificate(&self) -> &Certificate<'a> {
        &self.certificate
    }

    /// Whether it is known to be valid now: `false` if only a lower bound of the
    /// time was known, so that it may not be valid yet, or no longer.
    pub const fn time_certain(&self) -> bool {
        self.time_certain
    }

    /// Goes on only if it is the certificate of `subject`.
    ///
    /// # Errors
    /// [`Error::SubjectMismatch`].
    pub fn require_subject(self, subject: Id<'_>) -> Result<Self, Error> {
        self.certificate.require_subject(subject).map(|()| self)
    }

    /// Goes on only if it is for the X25519 public key `key`.
    ///
    /// # Errors
    /// [`Error::SubjectKeyMismatch`].
    pub fn require_key(self, key: &[u8; KEY]) -> Result<Self, Error> {
        self.certificate.require_key(key).map(|()| self)
    }
}

/// Verifies `certificate` under `anchor`, at `now`. In this order, and each with its own error:
///
/// 1. it names the anchor's issuer, if the anchor knows one ([`Error::IssuerMismatch`]),
/// 2. and the anchor's key ([`Error::IssuerKey`], [`Error::IssuerKeyMismatch`]);
/// 3. that key signed it: RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes or
///    more ([`Error::SignatureEncoding`], [`Error::Signature`]);
/// 4. `now` is within its validity ([`Error::NotYetValid`], [`Error::Expired`]). Last, so
///    that an error about the time is about a genuine certificate.
///
/// # Examples
/// ```
/// use minipki_core::cert::{self, Anchor, Certificate, Id};
/// use minipki_core::crypto::Portable;
/// use minipki_core::time::Now;
///
/// # const ANCHOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/anchor.json"));
/// # const SENSOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sensor.json"));
/// let anchor = Anchor::decode::<Portable>(ANCHOR)?;
/// let certificate = Certificate::parse(SENSOR)?;
/// let now = Now::Exact("2026-06-15T12:00:00+00:00".parse()?);
/// let verified = cert::verify::<Portable>(&anchor, &certificate, now)?.require_subject(Id::new("sensor-17")?)?;
/// assert!(verified.time_certain());
///
/// let later = Now::Exact("2026-07-02T00:00:00+00:00".parse()?);
/// let refused = cert::verify::<Portable>(&anchor, &certificate, later);
/// assert!(matches!(refused, Err(cert::Error::Expired { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first of these that does not hold.
pub fn verify<'a, P: Provider>(
    anchor: &Anchor,
    certificate: &Certificate<'a>,
    now: Now,
) -> Result<Verified<'a>, Error> {
    if anchor.issuer_id().is_some_and(|id| id != certificate.issuer_id()) {
        return Err(Error::IssuerMismatch);
    }
    let found = check_issuer_key::<P>(anchor, certificate)?;
    let key = anchor.key().or(found.as_ref()).ok_or(Error::IssuerKeyMismatch)?;
    check_signature::<P>(key, certificate)?;
    let time_certain = certificate.validity().check(now)?;
    Ok(Verified { certificate: *certificate, time_certain })
}

/// Whether the certificate's key is the anchor's, by fingerprint; gives the key if the anchor has only that.
#[inline(never)] // So that its buffers are not on the stack any more while RSA needs it.
fn check_issuer_key<P: Provider>(
    anchor: &Anchor,
    certificate: &Certificate<'_>,
) -> Result<Option<rsa::PublicKey>, Error> {
    // The same text is the same key: so it is with every certificate that our CA has issued.
    if anchor.matches_encoded_key::<P>(certificate.issuer_key_b64()) {
        return Ok(None);
    }
    let mut der = [0; SPKI_DER];
    let der = certificate.issuer_key_der(&mut der)?;
    if Fingerprint(P::sha256(&[der])) != anchor.fingerprint() {
        return Err(Error::IssuerKeyMismatch);
    }
    match anchor.key() {
        Some(_) => Ok(None),
        None => rsa::PublicKey::from_spki_der(der).map(Some).map_err(Error::IssuerKey),
    }
}

fn check_signature<P: Provider>(key: &rsa::PublicKey, certificate: &Certificate<'_>) -> Result<(), Error> {
    let digest = P::sha256(&certificate.signed_slices());
    let mut signature = [0; RSA_BYTES];
    let signature = certificate.signature(&mut signature)?;
    P::verify_pss_sha256(key, &digest, signature, SALT).map_err(Error::Signature)
}
