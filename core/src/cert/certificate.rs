//! A view of a certificate's text, parsed but not verified.

use super::signed::Signed;
use super::{Error, Id};
use crate::crypto::{rsa, x25519};
use crate::encoding::json::{Form, Reader};
use crate::encoding::{base64, pem};
use crate::limits::{RSA_BYTES, SPKI_DER, SPKI_PEM};
use crate::trust::{Serial, Validity};

/// The only `algorithm_id`.
pub(super) const X25519: &str = "X25519";

/// A parsed certificate. It proves nothing: only [`verify`](super::verify) makes a
/// [`Verified`](crate::trust::Verified) of it.
///
/// It borrows its text, and is small itself.
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
    signed: Signed<'a>,
    issuer_id: Id<'a>,
    issuer_key_b64: &'a str,
    serial_number: Serial,
    subject_id: Id<'a>,
    subject_key: x25519::PublicKey,
    validity: Validity,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate, which must be the whole of `text`, in canonical form.
    ///
    /// One pass over the text checks the form and finds the fields. The signature and the issuer's
    /// key stay base64 until a caller asks for them.
    ///
    /// # Errors
    /// [`Error::Json`], or the error of the first malformed field, in the order of the text.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(text, Form::Canonical)?;
        let mut signature = reader.member("ca_signature_b64");
        let mut issuer_id = reader.member("issuer_id");
        let mut issuer_key = reader.member("issuer_public_key_pem_b64");
        let mut serial_number = reader.member("serial_number");
        let mut subject_id = reader.member("subject_id");
        let mut subject_key = reader.member("subject_public_key_info");
        let mut validity = reader.member("validity");
        while let Some(key) = reader.next_key()? {
            match key {
                "ca_signature_b64" => reader.string(&mut signature)?,
                "issuer_id" => reader.string(&mut issuer_id)?,
                "issuer_public_key_pem_b64" => reader.string(&mut issuer_key)?,
                "serial_number" => reader.integer(&mut serial_number)?,
                "subject_id" => reader.string(&mut subject_id)?,
                "subject_public_key_info" => reader
                    .object(&mut subject_key, |key| key.strings(["algorithm_id", "public_key_value_b64"]))?,
                "validity" => {
                    reader.object(&mut validity, |validity| validity.strings(["not_after", "not_before"]))?;
                }
                _ => reader.unknown()?,
            }
        }
        reader.finish()?;
        // Each member must be present and of its type before the first value is parsed.
        let (signature_b64, issuer_key_b64) = (signature.required()?, issuer_key.required()?);
        let (issuer_id, subject_id) = (issuer_id.required()?, subject_id.required()?);
        let serial_number = serial_number.required()?;
        let [algorithm, subject_key] = subject_key.required()?;
        let (algorithm, subject_key) = (algorithm.required()?, subject_key.required()?);
        let [not_after, not_before] = validity.required()?;
        let (not_after, not_before) = (not_after.required()?, not_before.required()?);

        let issuer_id = Id::new(issuer_id).map_err(Error::IssuerId)?;
        // The reader refuses numbers above 2^53-1.
        let serial_number = Serial::new(serial_number).map_err(|_| Error::SerialNumber)?;
        let subject_id = Id::new(subject_id).map_err(Error::SubjectId)?;
        if algorithm != X25519 {
            return Err(Error::SubjectKeyAlgorithm);
        }
        let subject_key = base64::decode_array(subject_key).map_err(|_| Error::SubjectKey)?;
        let subject_key = x25519::PublicKey::new(subject_key).ok_or(Error::SubjectKeyNotCanonical)?;
        let not_after = not_after.parse().map_err(Error::NotAfter)?;
        let not_before = not_before.parse().map_err(Error::NotBefore)?;
        let validity = Validity::new(not_before, not_after)?;
        Ok(Self {
            signed: Signed::new(text, signature_b64),
            issuer_id,
            issuer_key_b64,
            serial_number,
            subject_id,
            subject_key,
            validity,
        })
    }

    /// The whole text, to be passed on byte for byte.
    pub const fn text(&self) -> &'a [u8] {
        self.signed.text()
    }

    /// The signed text: these two slices, one after the other.
    pub fn signed_slices(&self) -> [&'a [u8]; 2] {
        self.signed.slices()
    }

    /// The issuer name in the certificate ([RFC 5280 §4.1.2.4]). Not verified.
    ///
    /// [RFC 5280 §4.1.2.4]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.4
    pub const fn issuer_id(&self) -> Id<'a> {
        self.issuer_id
    }

    /// The serial number, 1..=2^53-1.
    pub const fn serial_number(&self) -> Serial {
        self.serial_number
    }

    /// The name of the subject, which holds the private key.
    pub const fn subject_id(&self) -> Id<'a> {
        self.subject_id
    }

    /// The subject's X25519 public key.
    pub const fn subject_key(&self) -> &x25519::PublicKey {
        &self.subject_key
    }

    /// The period in which the certificate is valid.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Checks that the certificate is for the subject `subject`.
    ///
    /// # Errors
    /// [`Error::SubjectMismatch`].
    pub fn require_subject(&self, subject: Id<'_>) -> Result<(), Error> {
        if self.subject_id == subject { Ok(()) } else { Err(Error::SubjectMismatch) }
    }

    /// Checks that the certificate is for the X25519 public key `key`.
    ///
    /// # Errors
    /// [`Error::SubjectKeyMismatch`].
    pub fn require_key(&self, key: &x25519::PublicKey) -> Result<(), Error> {
        if self.subject_key == *key { Ok(()) } else { Err(Error::SubjectKeyMismatch) }
    }

    /// The issuer's key in the certificate. Compare or show it, but never verify the certificate with it.
    ///
    /// # Errors
    /// [`Error::IssuerKey`].
    pub fn issuer_key<S: rsa::Sizes>(&self) -> Result<rsa::PublicKey<S>, Error> {
        let mut der = [0; SPKI_DER];
        rsa::PublicKey::from_spki_der(self.issuer_key_der(&mut der)?).map_err(Error::IssuerKey)
    }

    /// The text and its signature.
    pub(super) const fn signed(&self) -> &Signed<'a> {
        &self.signed
    }

    /// The issuer's key in base64, as in the text.
    pub(super) const fn issuer_key_b64(&self) -> &'a str {
        self.issuer_key_b64
    }

    /// The DER of the issuer's key, not parsed yet. Its hash is the fingerprint.
    pub(super) fn issuer_key_der<'o>(&self, out: &'o mut [u8; SPKI_DER]) -> Result<&'o [u8], Error> {
        decode_issuer_key(self.issuer_key_b64, out)
    }

    /// The signature, in `out`: as many bytes as the issuer's modulus has.
    ///
    /// # Errors
    /// [`Error::SignatureEncoding`].
    pub fn signature<'o>(&self, out: &'o mut [u8; RSA_BYTES]) -> Result<&'o [u8], Error> {
        self.signed.signature(out).ok_or(Error::SignatureEncoding)
    }
}

/// The DER of an issuer's key, from the base64 of its PEM.
pub(super) fn decode_issuer_key<'o>(text: &str, out: &'o mut [u8; SPKI_DER]) -> Result<&'o [u8], Error> {
    let encoding = Error::IssuerKey(rsa::Error::KeyEncoding);
    let mut pem = [0; SPKI_PEM];
    let pem = base64::decode(text, &mut pem).map_err(|_| encoding)?;
    pem::decode(pem::PUBLIC_KEY, pem, out).map_err(|_| encoding)
}
