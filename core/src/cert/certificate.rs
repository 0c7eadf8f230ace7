//! A certificate as it came: a view of its text, read but not trusted.

use super::object::{Object, X25519};
use super::tbs::{AFTER_SIGNATURE, BEFORE_SIGNATURE};
use super::{Error, Id, Serial, Validity};
use crate::crypto::{is_canonical, rsa};
use crate::encoding::{Form, base64, json, pem};
use crate::limits::{KEY, RSA_BYTES, SPKI_DER, SPKI_PEM};

/// A certificate that can be read. It proves nothing: only
/// [`verify`](super::verify) makes a [`Verified`](super::Verified) of it.
///
/// It borrows the text it came in, and is small itself.
///
/// # Examples
/// ```
/// use minipki_core::cert::{Certificate, Id};
///
/// # const SENSOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sensor.json"));
/// let certificate = Certificate::parse(SENSOR)?;
/// assert_eq!(certificate.subject_id().as_str(), "sensor-17");
/// assert_eq!(certificate.validity().not_after().to_string(), "2026-07-01T00:00:00+00:00");
/// certificate.require_subject(Id::new("sensor-17")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    text: &'a [u8],
    signature_b64: &'a str,
    issuer_id: Id<'a>,
    issuer_key_b64: &'a str,
    serial_number: Serial,
    subject_id: Id<'a>,
    subject_key: [u8; KEY],
    validity: Validity,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate, which must be the whole of `text`, in canonical form.
    ///
    /// The signature and the issuer's key stay base64 until they are asked for.
    ///
    /// # Errors
    /// [`Error::Json`], or the error of the first malformed field, in the order of the text.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let object: Object<'a> = json::decode(text, Form::Canonical)?;
        let issuer_id = Id::new(object.issuer_id).map_err(Error::IssuerId)?;
        let serial_number = Serial::new(object.serial_number)?;
        let subject_id = Id::new(object.subject_id).map_err(Error::SubjectId)?;
        let key = object.subject_public_key_info;
        if key.algorithm_id != X25519 {
            return Err(Error::SubjectKeyAlgorithm);
        }
        let subject_key = base64::decode_array(key.public_key_value_b64).map_err(|_| Error::SubjectKey)?;
        if !is_canonical(&subject_key) {
            return Err(Error::SubjectKeyNotCanonical);
        }
        let not_after = object.validity.not_after.parse().map_err(Error::NotAfter)?;
        let not_before = object.validity.not_before.parse().map_err(Error::NotBefore)?;
        Ok(Self {
            text,
            signature_b64: object.ca_signature_b64,
            issuer_id,
            issuer_key_b64: object.issuer_public_key_pem_b64,
            serial_number,
            subject_id,
            subject_key,
            validity: Validity::new(not_before, not_after)?,
        })
    }

    /// The whole text, to be passed on byte for byte.
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The signed text: these two slices, one after the other.
    pub fn signed_slices(&self) -> [&'a [u8]; 2] {
        // The signature is the first member of a canonical object, so the rest of it follows as signed.
        let rest = BEFORE_SIGNATURE.len() + self.signature_b64.len() + AFTER_SIGNATURE.len();
        [b"{", self.text.get(rest..).unwrap_or_default()]
    }

    /// Who says to have signed it.
    pub const fn issuer_id(&self) -> Id<'a> {
        self.issuer_id
    }

    /// Its number among the issuer's.
    pub const fn serial_number(&self) -> Serial {
        self.serial_number
    }

    /// Whom it is for.
    pub const fn subject_id(&self) -> Id<'a> {
        self.subject_id
    }

    /// The subject's X25519 public key.
    pub const fn subject_key(&self) -> &[u8; KEY] {
        &self.subject_key
    }

    /// When it is valid.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Checks that it names `subject`.
    ///
    /// # Errors
    /// [`Error::SubjectMismatch`].
    pub fn require_subject(&self, subject: Id<'_>) -> Result<(), Error> {
        if self.subject_id == subject { Ok(()) } else { Err(Error::SubjectMismatch) }
    }

    /// Checks that it is for the X25519 public key `key`.
    ///
    /// # Errors
    /// [`Error::SubjectKeyMismatch`].
    pub fn require_key(&self, key: &[u8; KEY]) -> Result<(), Error> {
        if self.subject_key == *key { Ok(()) } else { Err(Error::SubjectKeyMismatch) }
    }

    /// The issuer's key that it carries; to be compared and shown, never to verify it with.
    ///
    /// # Errors
    /// [`Error::IssuerKey`].
    pub fn issuer_key(&self) -> Result<rsa::PublicKey, Error> {
        let mut der = [0; SPKI_DER];
        rsa::PublicKey::from_spki_der(self.issuer_key_der(&mut der)?).map_err(Error::IssuerKey)
    }

    /// The issuer's key as the text carries it.
    pub(super) const fn issuer_key_b64(&self) -> &'a str {
        self.issuer_key_b64
    }

    /// The DER of the issuer's key: what its fingerprint is taken of. Still to be parsed.
    pub(super) fn issuer_key_der<'o>(&self, out: &'o mut [u8; SPKI_DER]) -> Result<&'o [u8], Error> {
        let encoding = Error::IssuerKey(rsa::Error::KeyEncoding);
        let mut text = [0; SPKI_PEM];
        let text = base64::decode(self.issuer_key_b64, &mut text).map_err(|_| encoding)?;
        pem::decode(pem::PUBLIC_KEY, text, out).map_err(|_| encoding)
    }

    /// The signature, in `out`: as many bytes as the issuer's modulus has.
    ///
    /// # Errors
    /// [`Error::SignatureEncoding`].
    pub fn signature<'o>(&self, out: &'o mut [u8; RSA_BYTES]) -> Result<&'o [u8], Error> {
        base64::decode(self.signature_b64, out).map_err(|_| Error::SignatureEncoding)
    }
}
