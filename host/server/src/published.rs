//! The service that readers of certificates and lists use.
//!
//! A list is made when somebody asks for it, and kept until it must be replaced: at a change of a revocation, and every day.
//! So each change makes a list at most once, and the issuer signs nothing that nobody wants. The ledger is asked for changes
//! at most once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use minipki_ca::ports::Storage;
use minipki_ca::{ListDraft, Refused, draft_crl, draft_revocation_list};
use minipki_core::time::UnixTime;
use minipki_os::clock;
use tokio::time::sleep;

use super::error::ServiceError;
use super::lists::{ListName, Published, ServedList, Slot};
use super::service::{CaService, run_blocking};
use super::state::storage;

/// The time in which the ledger is not asked again for changes, and a list that failed is not tried again.
const QUIET: Duration = Duration::from_secs(1);

/// The longest time from a list to its replacement, in seconds. A shorter-lived list is replaced at the half of its life.
const REPLACED: u64 = 24 * 60 * 60;

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
