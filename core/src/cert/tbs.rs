//! The fields of a certificate, and the text that an issuer signs.

use core::fmt::Write;

use super::certificate::X25519;
use super::{Error, Id};
use crate::bytes::{BufferTooSmall, Writer};
use crate::crypto::{rsa, x25519};
use crate::encoding::base64::Encoded;
use crate::encoding::json::MAX_INTEGER;
use crate::limits::SPKI_PEM;
use crate::trust::{Serial, Validity};

/// The fields of a certificate before it is signed: the TBSCertificate of [RFC 5280 §4.1.2].
///
/// [RFC 5280 §4.1.2]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2
#[derive(Clone, Copy, Debug)]
pub struct TbsCertificate<'a> {
    /// The name of the issuer, which signs.
    pub issuer_id: Id<'a>,
    /// The issuer's key, which verifies the certificate.
    pub issuer_key: &'a rsa::PublicKey,
    /// A serial number that this issuer has never used, 1..=2^53-1.
    pub serial_number: Serial,
    /// The name of the subject.
    pub subject_id: Id<'a>,
    /// The subject's X25519 public key.
    pub subject_key: x25519::PublicKey,
    /// The period in which the certificate is valid.
    pub validity: Validity,
}

impl TbsCertificate<'_> {
    /// Writes the text to sign, by RSASSA-PSS over its SHA-256, to the start of `out`.
    ///
    /// # Errors
    /// [`Error::SerialNumber`] above 2^53-1, the largest integer of the JSON profile; [`Error::BufferTooSmall`].
    /// [`limits::CERTIFICATE`](crate::limits::CERTIFICATE) bytes are always enough.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let serial_number = self.serial_number.to_u64().filter(|&number| number <= MAX_INTEGER);
        let serial_number = serial_number.ok_or(Error::SerialNumber)?;
        let mut pem = [0; SPKI_PEM];
        let pem = self.issuer_key.write_spki_pem(&mut pem)?;
        let mut writer = Writer::new(out);
        // None of these texts has a character that JSON would escape.
        write!(
            writer,
            concat!(
                r#"{{"issuer_id":"{}","issuer_public_key_pem_b64":"{}","serial_number":{},"subject_id":"{}","#,
                r#""subject_public_key_info":{{"algorithm_id":"{}","public_key_value_b64":"{}"}},"#,
                r#""validity":{{"not_after":"{}","not_before":"{}"}}}}"#,
            ),
            self.issuer_id,
            Encoded(pem.as_bytes()),
            serial_number,
            self.subject_id,
            X25519,
            Encoded(self.subject_key.as_bytes()),
            self.validity.not_after(),
            self.validity.not_before(),
        )
        .map_err(|_| BufferTooSmall)?;
        Ok(writer.finish()?)
    }
}
