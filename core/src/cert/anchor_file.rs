//! The file of an anchor, `anchor.json`.

use heapless::Vec;
use serde::Serialize;

use super::{Anchor, Error, FormerKey, Id};
use crate::bytes::BufferTooSmall;
use crate::crypto::rsa::Sizes;
use crate::crypto::{Hash, rsa};
use crate::encoding::base64::{self, Encoded};
use crate::encoding::json::{self, Form, JsonError, Member, Reader};
use crate::keys::Fingerprint;
use crate::limits::{FORMER_KEYS, SPKI_PEM};

/// The file as it is written, with its keys in canonical order.
#[derive(Serialize)]
struct Object<'a> {
    fingerprint_sha256: Fingerprint,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    former_keys: &'a [FormerKey],
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_public_key_pem_b64: Option<Encoded<'a>>,
}

/// The members of an item of `former_keys`.
type FormerMembers<'a> = [Member<&'a str>; 2];

impl<S: Sizes> Anchor<S> {
    /// Reads `anchor.json`. Whitespace and the order of keys are free, since people may edit the file.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::AnchorFingerprint`] if the fingerprint is malformed or not that of the key,
    /// [`Error::AnchorIncomplete`], [`Error::AnchorFormerKeys`], [`Error::IssuerId`] or [`Error::IssuerKey`].
    pub fn decode(hash: impl Hash, text: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(text, Form::Relaxed)?;
        let mut fingerprint = reader.member("fingerprint_sha256");
        let mut former = reader.member("former_keys");
        let (mut id, mut key) = (reader.member("issuer_id"), reader.member("issuer_public_key_pem_b64"));
        while let Some(name) = reader.next_key()? {
            match name {
                "fingerprint_sha256" => reader.string(&mut fingerprint)?,
                "former_keys" => reader.array(&mut former, read_former)?,
                "issuer_id" => reader.string(&mut id)?,
                "issuer_public_key_pem_b64" => reader.string(&mut key)?,
                _ => reader.unknown()?,
            }
        }
        reader.finish()?;
        let (fingerprint, id, key) = (fingerprint.required()?, id.optional()?, key.optional()?);
        let fingerprint = fingerprint.parse().map_err(|_| Error::AnchorFingerprint)?;
        let mut anchor = match (id, key) {
            (None, None) => Self::from_fingerprint(fingerprint),
            (Some(id), Some(key)) => {
                let mut pem = [0; SPKI_PEM];
                let pem = base64::decode(key, &mut pem);
                let pem = pem.map_err(|_| Error::IssuerKey(rsa::Error::KeyEncoding))?;
                Self::from_spki_pem(hash, Id::new(id).map_err(Error::IssuerId)?, pem)?
            }
            _ => return Err(Error::AnchorIncomplete),
        };
        if anchor.fingerprint != fingerprint {
            return Err(Error::AnchorFingerprint);
        }
        let former = former.optional()?.unwrap_or(Ok(Vec::new())).map_err(|()| Error::AnchorFormerKeys)?;
        // By reference: the iterator that owns a `Vec` keeps a check of its bounds.
        for item in &former {
            let [fingerprint, until] = item.required()?;
            let fingerprint = fingerprint.required()?.parse().map_err(|_| Error::AnchorFormerKeys)?;
            let until = until.required()?.parse().map_err(|_| Error::AnchorFormerKeys)?;
            anchor.add_former_key(FormerKey { fingerprint, until })?;
        }
        Ok(anchor)
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
        let object = Object {
            fingerprint_sha256: self.fingerprint,
            former_keys: &self.former,
            issuer_id: self.issuer_id().map(Id::as_str),
            issuer_public_key_pem_b64: pem,
        };
        let len = json::encode(&object, out)?;
        out.get(..len).ok_or(BufferTooSmall)
    }
}

/// The items of `former_keys`; an error if there are too many.
type FormerItems<'a> = Result<Vec<Member<FormerMembers<'a>>, FORMER_KEYS>, ()>;

fn read_former<'a>(reader: &mut Reader<'a>) -> Result<FormerItems<'a>, JsonError> {
    let mut items = Ok(Vec::new());
    while reader.next_item()? {
        let mut item = reader.member("former_keys");
        reader.object(&mut item, |item| item.strings(["fingerprint_sha256", "until"]))?;
        items = items.and_then(|mut items: Vec<_, FORMER_KEYS>| {
            items.push(item).map_err(drop)?;
            Ok(items)
        });
    }
    Ok(items)
}
