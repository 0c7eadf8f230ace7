//! The documents that readers fetch: the certificates of the CA's keys, and the lists of revoked certificates. The service
//! keeps them until they change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use minipki_ca::ports::Storage;
use minipki_ca::{KeyCertificates, KeyId, Publication, SignedList, certificates_of};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_keys::CaFolder;

use super::error::ServiceError;
use super::state::storage;

/// The public facts of a CA.
#[derive(Clone, Debug)]
pub struct Published {
    /// The keys of the CA whose certificates can be valid, the present one first.
    pub keys: Vec<Fingerprint>,
    /// The X.509 certificates of those keys that have one, in the same order.
    pub certificates: Vec<KeyCertificates>,
    /// The public URLs and the number of lists.
    pub publication: Publication,
    /// The revocation number.
    number: u64,
}

/// The name of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListName {
    /// An X.509 list that this key signs.
    Crl {
        /// The key.
        key: KeyId,
        /// The number of the list, from 0.
        shard: u32,
    },
    /// The JSON list of this key.
    Json(Fingerprint),
}

/// A list that is served.
#[derive(Clone, Debug)]
pub struct ServedList {
    /// The list.
    pub list: SignedList,
    /// SHA-256 of its content.
    pub digest: [u8; 32],
    /// The time at which another one is made, also without a change.
    pub replaced: UnixTime,
    /// The publication at the time of the list, which can name its addresses.
    pub(super) publication: Publication,
}

/// The facts, and the time at which they were read.
type Read = (Arc<Published>, Instant);

/// The kept facts and lists of a service.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) published: Arc<tokio::sync::Mutex<Option<Read>>>,
    /// A name is added only if there is such a list.
    lists: Mutex<HashMap<ListName, Arc<tokio::sync::Mutex<Slot>>>>,
}

/// The place of a list.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) kept: Option<Arc<ServedList>>,
    /// The time of the last failure.
    pub(super) failed: Option<Instant>,
}

impl Published {
    pub(super) fn read(folder: &CaFolder) -> Result<Self, ServiceError> {
        let mut reader = storage(folder).reader()?;
        let reader = reader.as_mut();
        let number = reader.revocation_number()?;
        let former = folder.anchor().former_keys().iter().map(|former| former.fingerprint);
        let keys: Vec<_> = std::iter::once(folder.fingerprint()).chain(former).collect();
        let certificates = certificates_of(reader, &keys)?;
        Ok(Self { keys, certificates, publication: reader.publication()?, number })
    }

    /// The certificates of the key with this identifier.
    pub fn of_key(&self, key: KeyId) -> Option<&KeyCertificates> {
        self.certificates.iter().find(|certificates| certificates.own.key_id() == key)
    }

    /// The certificates of the present key.
    pub fn present(&self) -> Option<&KeyCertificates> {
        let present = self.keys.first()?;
        self.certificates.first().filter(|certificates| certificates.own.key() == *present)
    }

    pub(super) fn has(&self, name: ListName) -> bool {
        match name {
            ListName::Crl { key, shard } => {
                shard < self.publication.shards.count() && self.of_key(key).is_some()
            }
            ListName::Json(key) => self.keys.contains(&key),
        }
    }
}

impl ServedList {
    /// Whether the list can be served at `now`.
    pub(super) fn is_current(&self, published: &Published, now: UnixTime) -> bool {
        self.list.number >= published.number
            && self.publication == published.publication
            && (self.list.this_update..self.replaced).contains(&now)
    }
}

impl Lists {
    pub(super) fn slot(&self, name: ListName) -> Arc<tokio::sync::Mutex<Slot>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().clone()
    }
}
