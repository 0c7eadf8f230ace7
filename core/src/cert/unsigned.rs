//! What an issuer signs, and the certificate made of it and the signature.

use super::object::{Object, SubjectPublicKeyInfo, X25519};
use super::{Error, Id, Serial, Validity, object};
use crate::bytes::{Full, Writer};
use crate::crypto::rsa;
use crate::limits::{KEY, SPKI_PEM, TIME};
use crate::text::base64::{self, Encoded};
use crate::text::{Form, JsonError, JsonErrorKind, UnixTime, json};

/// What a certificate says, before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
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

impl Unsigned<'_> {
    /// Writes the text that is signed, RSASSA-PSS over its SHA-256, to the start of `out`.
    ///
    /// # Errors
    /// [`Full`]; [`limits::CERTIFICATE`](crate::limits::CERTIFICATE) bytes are always enough.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Full> {
        let mut pem = [0; SPKI_PEM];
        let pem = self.issuer_key.write_spki_pem(&mut pem)?;
        let object = Object {
            ca_signature_b64: None,
            issuer_id: self.issuer_id.as_str(),
            issuer_public_key_pem_b64: Encoded(pem.as_bytes()),
            serial_number: self.serial_number.get(),
            subject_id: self.subject_id.as_str(),
            subject_public_key_info: SubjectPublicKeyInfo {
                algorithm_id: X25519,
                public_key_value_b64: Encoded(&self.subject_key),
            },
            validity: object::Validity {
                not_after: &time(self.validity.not_after())?,
                not_before: &time(self.validity.not_before())?,
            },
        };
        let len = json::encode(&object, out)?;
        out.get(..len).ok_or(Full)
    }
}

fn time(time: UnixTime) -> Result<heapless::String<TIME>, Full> {
    heapless::format!("{time}").map_err(|_| Full)
}

/// What comes before the signature in a certificate's text.
pub(super) const BEFORE_SIGNATURE: &[u8] = br#"{"ca_signature_b64":""#;

/// What comes between the signature and the rest of the signed text.
pub(super) const AFTER_SIGNATURE: &[u8] = br#"","#;

/// Joins the text of [`Unsigned::encode`] and the signature over it to a
/// certificate, at the start of `out`. That they belong together is not checked.
///
/// # Errors
/// [`Error::Json`] if `unsigned` is no canonical object, [`Error::Full`].
pub fn assemble<'o>(unsigned: &[u8], signature: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], Error> {
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
