//! What an issuer signs, and the certificate made of it and the signature.

use core::fmt::Write;

use super::object::X25519;
use super::{Error, Id, Serial, Validity};
use crate::bytes::{BufferTooSmall, Writer};
use crate::crypto::rsa;
use crate::encoding::base64::{self, Encoded};
use crate::encoding::{Form, JsonError, JsonErrorKind, json};
use crate::limits::{KEY, SPKI_PEM};

/// What a certificate says, before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct TbsCertificate<'a> {
    /// Who signs.
    pub issuer_id: Id<'a>,
    /// The key that it will be verified with.
    pub issuer_key: &'a rsa::PublicKey,
    /// Never used before by this issuer.
    pub serial_number: Serial,
    /// Whom it is for.
    pub subject_id: Id<'a>,
    /// The X25519 public key that it ties to the subject.
    pub subject_key: [u8; KEY],
    /// When it is valid.
    pub validity: Validity,
}

impl TbsCertificate<'_> {
    /// Writes the text that is signed, RSASSA-PSS over its SHA-256, to the start of `out`.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; [`limits::CERTIFICATE`](crate::limits::CERTIFICATE) bytes are always enough.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], BufferTooSmall> {
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
            self.serial_number,
            self.subject_id,
            X25519,
            Encoded(&self.subject_key),
            self.validity.not_after(),
            self.validity.not_before(),
        )
        .map_err(|_| BufferTooSmall)?;
        writer.finish().map(|text| &*text)
    }
}

/// What comes before the signature in a certificate's text.
pub(super) const BEFORE_SIGNATURE: &[u8] = br#"{"ca_signature_b64":""#;

/// What comes between the signature and the rest of the signed text.
pub(super) const AFTER_SIGNATURE: &[u8] = br#"","#;

/// Joins the text of [`TbsCertificate::encode`] and the signature over it to a
/// certificate, at the start of `out`. That they belong together is not checked.
///
/// # Errors
/// [`Error::Json`] if `unsigned` is no canonical object, [`Error::BufferTooSmall`].
pub fn attach_signature<'o>(unsigned: &[u8], signature: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], Error> {
    json::check(unsigned, Form::Canonical)?;
    let members = unsigned.get(1..).filter(|members| members.len() > 1);
    let members = members.ok_or(JsonError { kind: JsonErrorKind::Shape, at: 0 })?;
    let mut writer = Writer::new(out);
    writer
        .put(BEFORE_SIGNATURE)
        .fill(|rest| base64::encode(signature, rest).map(str::len))
        .put(AFTER_SIGNATURE)
        .put(members);
    Ok(writer.finish()?)
}
