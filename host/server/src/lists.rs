//! What readers fetch: the certificates of the CA's keys, and the lists of revoked certificates.
//!
//! A list is made when somebody asks for it, and kept until it must be replaced: at a change of a revocation, and every day.
//! So each change makes a list at most once, and the issuer signs nothing that nobody wants. The ledger is asked for changes
//! at most once a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use minipki_ca::ports::Storage;
use minipki_ca::{
    KeyCertificates, KeyId, ListDraft, Publication, Refused, SignedList, certificates_of, draft_crl,
    draft_revocation_list,
};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_keys::CaFolder;
use minipki_os::clock;
use tokio::time::sleep;

use super::error::ServiceError;
use super::service::{CaService, run_blocking};
use super::state::storage;

/// The time in which the ledger is not asked again for changes, and a list that failed is not tried again.
const QUIET: Duration = Duration::from_secs(1);

/// The longest time from a list to its replacement, in seconds. A shorter-lived list is replaced at the half of its life.
const REPLACED: u64 = 24 * 60 * 60;

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
    publication: Publication,
}

/// The facts, and the time at which they were read.
type Read = (Arc<Published>, Instant);

/// The kept facts and lists of a service.
#[derive(Default)]
pub(super) struct Lists {
    published: Arc<tokio::sync::Mutex<Option<Read>>>,
    /// A name is added only if there is such a list.
    lists: Mutex<HashMap<ListName, Arc<tokio::sync::Mutex<Slot>>>>,
}

/// The place of a list.
#[derive(Default)]
struct Slot {
    kept: Option<Arc<ServedList>>,
    /// The time of the last failure.
    failed: Option<Instant>,
}

impl Published {
    fn read(folder: &CaFolder) -> Result<Self, ServiceError> {
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

    fn has(&self, name: ListName) -> bool {
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
    fn is_current(&self, published: &Published, now: UnixTime) -> bool {
        self.list.number >= published.number
            && self.publication == published.publication
            && (self.list.this_update..self.replaced).contains(&now)
    }
}

impl CaService {
    /// The public facts, at most a second old.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; the error of the ledger.
    pub async fn published(self: &Arc<Self>) -> Result<Arc<Published>, ServiceError> {
        let mut known = self.lists.published.clone().lock_owned().await;
        if let Some((published, read)) = &*known
            && read.elapsed() < QUIET
        {
            return Ok(published.clone());
        }
        let service = self.clone();
        // A separate task: clients that disconnect must not have the ledger read again and again.
        let read = tokio::spawn(async move {
            let folder = service.folder()?;
            let begin = Instant::now();
            let read = run_blocking(move || Published::read(&folder)).await;
            let published = Arc::new(read?);
            *known = Some((published.clone(), begin));
            Ok(published)
        });
        read.await.unwrap_or(Err(ServiceError::Panicked))
    }

    /// The list with this name; `None` if there is no such list. A change of a revocation is in it within a second.
    ///
    /// If a new list cannot be made, the last one is returned until its end.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`] if the CA server does not run; [`ServiceError::Refused`]; the errors of the ledger.
    pub async fn list(self: &Arc<Self>, name: ListName) -> Result<Option<Arc<ServedList>>, ServiceError> {
        let published = self.published().await?;
        if !published.has(name) {
            return Ok(None);
        }
        let mut slot = self.lists.slot(name).lock_owned().await;
        let now = clock::now()?;
        if let Some(kept) = &slot.kept
            && kept.is_current(&published, now)
        {
            return Ok(Some(kept.clone()));
        }
        let usable = slot.kept.clone().filter(|kept| kept.list.next_update > now);
        if slot.failed.is_some_and(|failed| failed.elapsed() < QUIET) {
            return usable.map(Some).ok_or(Refused::Busy.into());
        }
        let service = self.clone();
        // A separate task: the list is made to its end, also if the client disconnects.
        let made = tokio::spawn(async move {
            let made = service.make_list(name, &published, slot.kept.as_deref()).await.map(Arc::new);
            match &made {
                Ok(made) => *slot = Slot { kept: Some(made.clone()), failed: None },
                Err(_) => slot.failed = Some(Instant::now()),
            }
            made
        });
        match (made.await.unwrap_or(Err(ServiceError::Panicked)), usable) {
            (Ok(made), _) => Ok(Some(made)),
            (Err(error), None) => Err(error),
            (Err(error), Some(usable)) => {
                tracing::warn!(%error, ?name, "the last list of revoked certificates is served, not a new one");
                Ok(Some(usable))
            }
        }
    }

    async fn make_list(
        &self,
        name: ListName,
        published: &Published,
        before: Option<&ServedList>,
    ) -> Result<ServedList, ServiceError> {
        let running = self.running()?;
        if before.is_some_and(|before| before.list.this_update >= clock::now().unwrap_or(UnixTime::MIN)) {
            // Readers tell two lists apart by their second.
            sleep(Duration::from_secs(1)).await;
        }
        let (folder, lifetime) = (self.folder()?, running.policy.list_lifetime.as_secs());
        let certificate = match name {
            ListName::Crl { key, .. } => published.of_key(key).map(|certificates| certificates.own.clone()),
            ListName::Json(_) => None,
        };
        let draft = run_blocking(move || {
            let (mut reader, now) = (storage(&folder).reader()?, clock::now()?);
            let draft: ListDraft = match (name, &certificate) {
                (ListName::Crl { shard, .. }, Some(certificate)) => {
                    draft_crl(certificate, shard, reader.as_mut(), lifetime, now)
                }
                (ListName::Json(key), _) => {
                    draft_revocation_list(folder.issuer_id(), key, reader.as_mut(), lifetime, now)
                }
                (ListName::Crl { .. }, None) => return Err(ServiceError::NoKey),
            }?;
            Ok(draft)
        });
        let list = running.issuer.sign_list(draft.await?).await?;
        let digest = digest(&SHA256, &list.content).as_ref().try_into().unwrap_or([0; 32]);
        let age = REPLACED.min(lifetime / 2);
        let replaced = list.this_update.checked_add_seconds(age).unwrap_or(list.next_update);
        Ok(ServedList { list, digest, replaced, publication: published.publication.clone() })
    }
}

impl Lists {
    fn slot(&self, name: ListName) -> Arc<tokio::sync::Mutex<Slot>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().clone()
    }
}
