//! Signed objects: canonical JSON with the issuer's signature as the first member (protocol §3, §7).

use crate::bytes::Writer;
use crate::crypto::{Hash, VerifySignature, rsa};
use crate::encoding::base64;
use crate::encoding::json::{self, Form, Reader};
use crate::encoding::{JsonError, JsonErrorKind};
use crate::limits::RSA_BYTES;

use super::{Anchor, Error};

/// The accepted PSS salts: at least as long as the hash ([RFC 8017 §9.1]).
///
/// [RFC 8017 §9.1]: https://www.rfc-editor.org/rfc/rfc8017#section-9.1
const SALT: rsa::SaltLength = rsa::SaltLength::AtLeast(32);

/// The bytes before the signature.
const BEFORE_SIGNATURE: &[u8] = br#"{"ca_signature_b64":""#;

/// The bytes between the signature and the rest of the signed text.
const AFTER_SIGNATURE: &[u8] = br#"","#;

/// The text of a signed object. The signature is not verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    text: &'a [u8],
    signature_b64: &'a str,
}

impl<'a> Signed<'a> {
    /// The object `text`, which a reader has found canonical, and the value of its `ca_signature_b64`.
    pub(super) const fn new(text: &'a [u8], signature_b64: &'a str) -> Self {
        Self { text, signature_b64 }
    }

    /// The whole text.
    pub(super) const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The signed text: these two slices, one after the other.
    pub(super) fn slices(&self) -> [&'a [u8]; 2] {
        // The signature is the first member of a canonical object. The rest follows as it was signed.
        let rest = BEFORE_SIGNATURE.len() + self.signature_b64.len() + AFTER_SIGNATURE.len();
        [b"{", self.text.get(rest..).unwrap_or_default()]
    }

    /// The signature, in `out`: as many bytes as the issuer's modulus has. `None` if it is malformed.
    pub(super) fn signature<'o>(&self, out: &'o mut [u8; RSA_BYTES]) -> Option<&'o [u8]> {
        base64::decode(self.signature_b64, out).ok()
    }

    /// Verifies that `key` has signed the text: RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes or more
    /// ([RFC 8017 §8.1.2]).
    ///
    /// [RFC 8017 §8.1.2]: https://www.rfc-editor.org/rfc/rfc8017#section-8.1.2
    pub(super) fn verify<V: Hash + VerifySignature>(
        &self,
        verifier: V,
        key: &rsa::PublicKey<V::Sizes>,
    ) -> Result<(), SignatureError> {
        let digest = verifier.sha256(&self.slices());
        let mut signature = [0; RSA_BYTES];
        let signature = self.signature(&mut signature).ok_or(SignatureError::Encoding)?;
        verifier.verify_pss_sha256(key, &digest, signature, SALT).map_err(SignatureError::Wrong)
    }
}

/// Verifies that the CA of `anchor` has signed `text`, a whole canonical object of any kind and any length. The caller
/// checks its members, at least its `type` and its issuer.
///
/// # Errors
/// [`Error::AnchorIncomplete`] if the anchor has only a fingerprint; [`Error::Json`] if `text` is not canonical or does
/// not begin with `ca_signature_b64`; [`Error::SignatureEncoding`], [`Error::Signature`].
pub fn verify_object<V: Hash + VerifySignature>(
    verifier: V,
    anchor: &Anchor<V::Sizes>,
    text: &[u8],
) -> Result<(), Error> {
    let key = anchor.key().ok_or(Error::AnchorIncomplete)?;
    let mut reader = Reader::new(text, Form::Canonical)?;
    let mut signature = reader.member("ca_signature_b64");
    let mut first = true;
    while let Some(name) = reader.next_key()? {
        match name {
            "ca_signature_b64" if first => reader.string(&mut signature)?,
            _ => reader.skip()?,
        }
        first = false;
    }
    reader.finish()?;
    Signed::new(text, signature.required()?).verify(verifier, key).map_err(|error| match error {
        SignatureError::Encoding => Error::SignatureEncoding,
        SignatureError::Wrong(error) => Error::Signature(error),
    })
}

/// The reason why a signature is refused.
pub(super) enum SignatureError {
    /// Not base64 of as many bytes as an RSA modulus has.
    Encoding,
    /// Not by this key over this text.
    Wrong(rsa::Error),
}

/// Writes a signed object from the text to sign and its signature to the start of `out`. Does not verify the signature.
///
/// # Errors
/// [`Error::Json`] if `unsigned` is not a canonical object with a member, [`Error::BufferTooSmall`].
pub fn attach_signature<'o>(unsigned: &[u8], signature: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], Error> {
    json::check(unsigned, Form::Canonical)?;
    let members = unsigned.get(1..).filter(|members| members.len() > 1);
    let members = members.ok_or(JsonError { kind: JsonErrorKind::MissingMember("issuer_id"), at: 0 })?;
    let mut writer = Writer::new(out);
    writer
        .put(BEFORE_SIGNATURE)
        .fill(|rest| base64::encode(signature, rest).map(str::len))
        .put(AFTER_SIGNATURE)
        .put(members);
    Ok(writer.finish()?)
}
