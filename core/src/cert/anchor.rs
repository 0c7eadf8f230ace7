//! The trust anchor: the issuer that was pinned, by its key or by the key's fingerprint.

use serde::Serialize;

use super::{Certificate, Error, Id, IdBuf};
use crate::bytes::BufferTooSmall;
use crate::crypto::rsa::{AllSizes, Sizes};
use crate::crypto::{Hash, rsa};
use crate::encoding::base64::{self, Encoded};
use crate::encoding::json::{self, Form, Reader};
use crate::keys::Fingerprint;
use crate::limits::SPKI_PEM;
use crate::trust::Verified;

/// A trust anchor: one issuer's name and key, or the fingerprint of a key ([RFC 5280 §6.1.1] (d)).
///
/// An anchor with a fingerprint alone takes the key from a certificate whose issuer key has that fingerprint. The
/// issuer may have any name. [`Anchor::pin_issuer`] pins both.
///
/// # Examples
/// ```
/// use minipki_core::cert::Anchor;
/// use minipki_core::crypto::Portable;
///
/// # const ANCHOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/anchor.json"));
/// // The file `anchor.json` of a CA, and the fingerprint that its operator has published.
/// let anchor: Anchor = Anchor::decode(Portable::new(), ANCHOR)?;
/// let pinned = "572818603bf1043fe526c0f4d023faf46f4d62098d69e19ba7912e0cb8808bd0";
/// assert_eq!(anchor.fingerprint(), pinned.parse()?);
///
/// // A device needs the fingerprint alone. The key then comes with the first certificate.
/// assert!(<Anchor>::from_fingerprint(pinned.parse()?).key().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 5280 §6.1.1]: https://www.rfc-editor.org/rfc/rfc5280#section-6.1.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor<S: Sizes = AllSizes> {
    fingerprint: Fingerprint,
    issuer: Option<Issuer<S>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Issuer<S: Sizes> {
    id: IdBuf,
    key: rsa::PublicKey<S>,
    /// SHA-256 of the key's text in a certificate.
    text: Option<[u8; 32]>,
}

/// `anchor.json` as it is written, with its keys in canonical order.
#[derive(Serialize)]
struct Object<'a> {
    fingerprint_sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_public_key_pem_b64: Option<Encoded<'a>>,
}

impl<S: Sizes> Anchor<S> {
    /// Pins an issuer's name and key.
    pub fn from_key(hash: impl Hash, issuer_id: Id<'_>, key: rsa::PublicKey<S>) -> Self {
        let (fingerprint, text) = (key.fingerprint(hash), hash_text(hash, &key));
        Self { fingerprint, issuer: Some(Issuer { id: issuer_id.into(), key, text }) }
    }

    /// Pins an issuer's name and its key, given as the PEM of a SubjectPublicKeyInfo (RFC 7468 §13).
    ///
    /// # Errors
    /// [`Error::IssuerKey`].
    pub fn from_spki_pem(hash: impl Hash, issuer_id: Id<'_>, pem: &[u8]) -> Result<Self, Error> {
        let key = rsa::PublicKey::from_spki_pem(pem).map_err(Error::IssuerKey)?;
        Ok(Self::from_key(hash, issuer_id, key))
    }

    /// Pins a key by the SHA-256 of its SubjectPublicKeyInfo.
    pub const fn from_fingerprint(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, issuer: None }
    }

    /// SHA-256 of the pinned key's SubjectPublicKeyInfo.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The issuer's name, if it is known.
    pub fn issuer_id(&self) -> Option<Id<'_>> {
        self.issuer.as_ref().map(|issuer| issuer.id.as_id())
    }

    /// The key, if it is known.
    pub fn key(&self) -> Option<&rsa::PublicKey<S>> {
        self.issuer.as_ref().map(|issuer| &issuer.key)
    }

    /// Returns whether `text` is the pinned key as our CA encodes it. Other encodings of the key return `false`.
    pub(super) fn matches_encoded_key(&self, hash: impl Hash, text: &str) -> bool {
        self.issuer.as_ref().is_some_and(|issuer| issuer.text == Some(hash.sha256(&[text.as_bytes()])))
    }

    /// Pins the issuer's name and key of a certificate that was verified under this
    /// anchor. An anchor that has them already stays as it is.
    ///
    /// # Errors
    /// [`Error::IssuerMismatch`] or [`Error::IssuerKeyMismatch`] if it was verified under another anchor.
    pub fn pin_issuer(&mut self, hash: impl Hash, verified: &Verified<Certificate<'_>>) -> Result<(), Error> {
        let certificate = verified.certificate();
        let pinned = Self::from_key(hash, certificate.issuer_id(), certificate.issuer_key()?);
        if pinned.fingerprint != self.fingerprint {
            return Err(Error::IssuerKeyMismatch);
        }
        if self.issuer_id().is_some_and(|id| id != certificate.issuer_id()) {
            return Err(Error::IssuerMismatch);
        }
        self.issuer = pinned.issuer;
        Ok(())
    }

    /// Reads `anchor.json`. Whitespace and the order of keys are free, since people may edit the file.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::AnchorFingerprint`] if the fingerprint is malformed or not that
    /// of the key, [`Error::AnchorIncomplete`], [`Error::IssuerId`] or [`Error::IssuerKey`].
    pub fn decode(hash: impl Hash, text: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(text, Form::Relaxed)?;
        let [fingerprint, id, key] =
            reader.strings(["fingerprint_sha256", "issuer_id", "issuer_public_key_pem_b64"])?;
        reader.finish()?;
        let (fingerprint, id, key) = (fingerprint.required()?, id.optional()?, key.optional()?);
        let fingerprint = fingerprint.parse().map_err(|_| Error::AnchorFingerprint)?;
        let anchor = match (id, key) {
            (None, None) => Self::from_fingerprint(fingerprint),
            (Some(id), Some(key)) => {
                let mut pem = [0; SPKI_PEM];
                let pem = base64::decode(key, &mut pem);
                let pem = pem.map_err(|_| Error::IssuerKey(rsa::Error::KeyEncoding))?;
                Self::from_spki_pem(hash, Id::new(id).map_err(Error::IssuerId)?, pem)?
            }
            _ => return Err(Error::AnchorIncomplete),
        };
        if anchor.fingerprint == fingerprint { Ok(anchor) } else { Err(Error::AnchorFingerprint) }
    }

    /// Writes `anchor.json`, in canonical form, to the start of `out`.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; [`limits::ANCHOR`](crate::limits::ANCHOR) bytes are always enough.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], BufferTooSmall> {
        let mut pem = [0; SPKI_PEM];
        let pem = match self.key() {
            Some(key) => Some(Encoded(key.write_spki_pem(&mut pem)?.as_bytes())),
            None => None,
        };
        let fingerprint = heapless::format!(64; "{}", self.fingerprint).map_err(|_| BufferTooSmall)?;
        let object = Object {
            fingerprint_sha256: &fingerprint,
            issuer_id: self.issuer_id().map(Id::as_str),
            issuer_public_key_pem_b64: pem,
        };
        let len = json::encode(&object, out)?;
        out.get(..len).ok_or(BufferTooSmall)
    }
}

#[inline(never)] // So that its buffers leave the stack when it returns.
fn hash_text<S: Sizes>(hash: impl Hash, key: &rsa::PublicKey<S>) -> Option<[u8; 32]> {
    // The buffers hold the largest key. Without the hash, each certificate's key would be decoded.
    let (mut pem, mut text) = ([0; SPKI_PEM], [0; base64::encoded_len(SPKI_PEM)]);
    let pem = key.write_spki_pem(&mut pem).ok()?;
    Some(hash.sha256(&[base64::encode(pem.as_bytes(), &mut text).ok()?.as_bytes()]))
}
