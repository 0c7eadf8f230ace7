//! The change of a CA's key: the new key, signed by the key before it (protocol §7, after RFC 4210 §4.4).

use serde::Serialize;

use super::certificate::decode_issuer_key;
use super::signed::{SignatureError, Signed};
use super::{Error, Id};
use crate::bytes::BufferTooSmall;
use crate::crypto::{Hash, VerifySignature, rsa};
use crate::encoding::base64::Encoded;
use crate::encoding::json::{self, Form, JsonError, Reader};
use crate::keys::Fingerprint;
use crate::limits::{SPKI_DER, SPKI_PEM};
use crate::time::UnixTime;

const TYPE: &str = "anchor_update";

/// The fields of an anchor update before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct TbsAnchorUpdate<'a> {
    /// The name of the CA. It stays the same.
    pub issuer_id: Id<'a>,
    /// The new key.
    pub issuer_key: &'a rsa::PublicKey,
    /// The time from which the new key signs certificates.
    pub not_before: UnixTime,
    /// The fingerprint of the key before, which signs the update.
    pub previous_key: Fingerprint,
}

/// The text as it is written, with its keys in canonical order.
#[derive(Serialize)]
struct Object<'a> {
    issuer_id: &'a str,
    issuer_public_key_pem_b64: Encoded<'a>,
    not_before: UnixTime,
    previous_key_sha256: Fingerprint,
    r#type: &'a str,
}

impl TbsAnchorUpdate<'_> {
    /// Writes the text to sign, by RSASSA-PSS over its SHA-256, to the start of `out`.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; [`limits::ANCHOR_UPDATE`](crate::limits::ANCHOR_UPDATE) bytes are always enough.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], BufferTooSmall> {
        let mut pem = [0; SPKI_PEM];
        let object = Object {
            issuer_id: self.issuer_id.as_str(),
            issuer_public_key_pem_b64: Encoded(self.issuer_key.write_spki_pem(&mut pem)?.as_bytes()),
            not_before: self.not_before,
            previous_key_sha256: self.previous_key,
            r#type: TYPE,
        };
        let len = json::encode(&object, out)?;
        out.get(..len).ok_or(BufferTooSmall)
    }
}

/// A parsed anchor update. It proves nothing until [`Anchor::follow`](super::Anchor::follow) has verified it.
#[derive(Clone, Copy, Debug)]
pub struct AnchorUpdate<'a> {
    signed: Signed<'a>,
    issuer_id: Id<'a>,
    issuer_key_b64: &'a str,
    not_before: UnixTime,
    previous_key: Fingerprint,
}

impl<'a> AnchorUpdate<'a> {
    /// Reads an update, which must be the whole of `text`, in canonical form.
    ///
    /// # Errors
    /// [`Error::UpdateJson`], or [`Error::UpdateField`] with the first malformed field.
    #[inline(never)] // So that the reader leaves the stack before the caller needs it.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let [signature_b64, issuer_id, issuer_key_b64, not_before, previous_key, kind] =
            read(text).map_err(Error::UpdateJson)?;
        let field = Error::UpdateField;
        if kind != TYPE {
            return Err(field("type"));
        }
        Ok(Self {
            signed: Signed::new(text, signature_b64),
            issuer_id: Id::new(issuer_id).map_err(|_| field("issuer_id"))?,
            issuer_key_b64,
            not_before: not_before.parse().map_err(|_| field("not_before"))?,
            previous_key: Fingerprint::from_lower_hex(previous_key).ok_or(field("previous_key_sha256"))?,
        })
    }

    /// The whole text, to be passed on byte for byte.
    pub const fn text(&self) -> &'a [u8] {
        self.signed.text()
    }

    /// The name of the CA in the update. Not verified.
    pub const fn issuer_id(&self) -> Id<'a> {
        self.issuer_id
    }

    /// The new key. Not verified.
    ///
    /// # Errors
    /// [`Error::UpdateField`].
    pub fn issuer_key<S: rsa::Sizes>(&self) -> Result<rsa::PublicKey<S>, Error> {
        let mut der = [0; SPKI_DER];
        decode_issuer_key(self.issuer_key_b64, &mut der)
            .and_then(|der| rsa::PublicKey::from_spki_der(der).map_err(Error::IssuerKey))
            .map_err(|_| Error::UpdateField("issuer_public_key_pem_b64"))
    }

    /// The time from which the new key signs certificates.
    pub const fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The fingerprint of the key before, which must have signed the update.
    pub const fn previous_key(&self) -> Fingerprint {
        self.previous_key
    }

    /// Verifies that `key` has signed the update.
    pub(super) fn verify<V: Hash + VerifySignature>(
        &self,
        verifier: V,
        key: &rsa::PublicKey<V::Sizes>,
    ) -> Result<(), Error> {
        self.signed.verify(verifier, key).map_err(|error| match error {
            SignatureError::Encoding => Error::UpdateField("ca_signature_b64"),
            SignatureError::Wrong(error) => Error::UpdateSignature(error),
        })
    }
}

/// The members, in their order.
fn read(text: &[u8]) -> Result<[&str; 6], JsonError> {
    let mut reader = Reader::new(text, Form::Canonical)?;
    let members = reader.strings([
        "ca_signature_b64",
        "issuer_id",
        "issuer_public_key_pem_b64",
        "not_before",
        "previous_key_sha256",
        "type",
    ])?;
    reader.finish()?;
    let mut texts = [""; 6];
    for (text, member) in texts.iter_mut().zip(members) {
        *text = member.required()?;
    }
    Ok(texts)
}
