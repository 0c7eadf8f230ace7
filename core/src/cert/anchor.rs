//! The trust anchor: the issuer that was pinned, by its key or by the key's fingerprint.

use heapless::Vec;
use serde::Serialize;

use super::{AnchorUpdate, Certificate, Error, Id, IdBuf};
use crate::crypto::rsa::{AllSizes, Sizes};
use crate::crypto::{Hash, VerifySignature, rsa};
use crate::encoding::base64;
use crate::keys::Fingerprint;
use crate::limits::{FORMER_KEYS, SPKI_PEM};
use crate::time::UnixTime;
use crate::trust::Verified;

/// A trust anchor: one issuer's name and key, or the fingerprint of a key ([RFC 5280 §6.1.1] (d)).
///
/// An anchor with a fingerprint alone takes the key from a certificate whose issuer key has that fingerprint. The
/// issuer may have any name. [`Anchor::pin_issuer`] pins both.
///
/// A CA can change its key. [`Anchor::follow`] replaces the pinned key by the next one, and keeps the fingerprint of the
/// former key: its certificates stay valid until they end.
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
    pub(super) fingerprint: Fingerprint,
    issuer: Option<Issuer<S>>,
    /// The latest one last.
    pub(super) former: Vec<FormerKey, FORMER_KEYS>,
}

/// A key that the CA has replaced. It still verifies the certificates that begin at `until` or earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FormerKey {
    /// SHA-256 of the key's SubjectPublicKeyInfo.
    #[serde(rename = "fingerprint_sha256")]
    pub fingerprint: Fingerprint,
    /// The time at which the next key replaced it.
    pub until: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Issuer<S: Sizes> {
    id: IdBuf,
    key: rsa::PublicKey<S>,
    /// SHA-256 of the key's text in a certificate.
    text: Option<[u8; 32]>,
}

impl<S: Sizes> Anchor<S> {
    /// Pins an issuer's name and key.
    pub fn from_key(hash: impl Hash, issuer_id: Id<'_>, key: rsa::PublicKey<S>) -> Self {
        let (fingerprint, text) = (key.fingerprint(hash), hash_text(hash, &key));
        Self { fingerprint, issuer: Some(Issuer { id: issuer_id.into(), key, text }), former: Vec::new() }
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
        Self { fingerprint, issuer: None, former: Vec::new() }
    }

    /// Pins the issuer's name and key of a verified certificate. If a former key has signed the certificate, this is not
    /// the present key of the CA.
    ///
    /// # Errors
    /// [`Error::IssuerKey`].
    pub fn of_issuer(hash: impl Hash, verified: &Verified<Certificate<'_>>) -> Result<Self, Error> {
        let certificate = verified.certificate();
        Ok(Self::from_key(hash, certificate.issuer_id(), certificate.issuer_key()?))
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

    /// The keys that the CA has replaced, the latest one last: at most [`FORMER_KEYS`].
    pub fn former_keys(&self) -> &[FormerKey] {
        &self.former
    }

    /// Keeps a former key, the latest one last. It replaces the earliest one if there are [`FORMER_KEYS`] already.
    ///
    /// # Errors
    /// [`Error::AnchorFormerKeys`] if this is the present key, or a former key of the anchor.
    pub fn add_former_key(&mut self, key: FormerKey) -> Result<(), Error> {
        if self.has_key(&key.fingerprint) {
            return Err(Error::AnchorFormerKeys);
        }
        if self.former.is_full() {
            self.former.remove(0);
        }
        self.former.push(key).map_err(|_| Error::AnchorFormerKeys)
    }

    /// Returns whether this is the fingerprint of the present key or of a former key.
    pub fn has_key(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprint == *fingerprint || self.former.iter().any(|key| key.fingerprint == *fingerprint)
    }

    /// Returns whether the key with this fingerprint may have signed a certificate that begins at `not_before`.
    pub(super) fn accepts(&self, fingerprint: &Fingerprint, not_before: UnixTime) -> bool {
        let by_former = |key: &FormerKey| key.fingerprint == *fingerprint && not_before <= key.until;
        self.fingerprint == *fingerprint || self.former.iter().any(by_former)
    }

    /// Follows a change of the CA's key ([RFC 4210 §4.4]): pins the new key, and makes the present key a former one.
    ///
    /// # Errors
    /// The anchor stays as it is after an error: [`Error::AnchorIncomplete`] if the anchor has only a fingerprint;
    /// [`Error::UpdatePrevious`] if the update continues from another key; [`Error::UpdateIssuer`];
    /// [`Error::UpdateSignature`]; [`Error::UpdateBackwards`] if the new key was pinned before;
    /// [`Error::UpdateField`] for a malformed key or signature.
    ///
    /// [RFC 4210 §4.4]: https://www.rfc-editor.org/rfc/rfc4210#section-4.4
    pub fn follow<V: Hash + VerifySignature<Sizes = S>>(
        &mut self,
        verifier: V,
        update: &AnchorUpdate<'_>,
    ) -> Result<(), Error> {
        let issuer = self.issuer.as_ref().ok_or(Error::AnchorIncomplete)?;
        if update.previous_key() != self.fingerprint {
            return Err(Error::UpdatePrevious);
        }
        if update.issuer_id() != issuer.id.as_id() {
            return Err(Error::UpdateIssuer);
        }
        update.verify(verifier, &issuer.key)?;
        let next = Self::from_key(verifier, update.issuer_id(), update.issuer_key()?);
        if self.has_key(&next.fingerprint) {
            return Err(Error::UpdateBackwards);
        }
        let replaced = FormerKey { fingerprint: self.fingerprint, until: update.not_before() };
        self.fingerprint = next.fingerprint;
        self.issuer = next.issuer;
        self.add_former_key(replaced)
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
}

#[inline(never)] // So that its buffers leave the stack when it returns.
fn hash_text<S: Sizes>(hash: impl Hash, key: &rsa::PublicKey<S>) -> Option<[u8; 32]> {
    // The buffers hold the largest key. Without the hash, each certificate's key would be decoded.
    let (mut pem, mut text) = ([0; SPKI_PEM], [0; base64::encoded_len(SPKI_PEM)]);
    let pem = key.write_spki_pem(&mut pem).ok()?;
    Some(hash.sha256(&[base64::encode(pem.as_bytes(), &mut text).ok()?.as_bytes()]))
}
