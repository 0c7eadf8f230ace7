//! The key of a CA as a service: it is generated, and changed, off the async threads.

use std::sync::Arc;
use std::time::Instant;

use minipki_core::cert::IdBuf;
use minipki_core::crypto::rsa::KeySize;
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::ServiceError;
use super::lifecycle::Serving;
use super::service::{CaKey, CaService};
use super::state::{self, KeyChoice, RolledOver, StateError};
use minipki_os::Failure;

impl CaService {
    /// Starts to generate the key on a separate thread. `ended` gets the outcome before [`CaService::key`] changes, and
    /// the returned task gets it afterwards. The thread continues if the task is dropped.
    ///
    /// # Errors
    /// [`ServiceError::HasKey`].
    pub fn make_key(
        self: &Arc<Self>,
        issuer_id: IdBuf,
        size: KeySize,
        ended: impl FnOnce(Result<(), &StateError>) + Send + 'static,
    ) -> Result<JoinHandle<Result<(), StateError>>, ServiceError> {
        {
            let mut key = self.refresh_key();
            if matches!(*key, CaKey::Making { .. } | CaKey::Ready(_)) {
                return Err(ServiceError::HasKey);
            }
            *key = CaKey::Making { size, since: Instant::now() };
        }
        let service = self.clone();
        Ok(spawn_blocking(move || {
            let choice = KeyChoice::Generate(size);
            let created = state::create_with(service.dir(), issuer_id, choice, service.passphrase.as_ref());
            ended(created.as_ref().map(drop));
            let (key, outcome) = match created {
                Ok(created) => (CaKey::Ready(Arc::new(created.folder)), Ok(())),
                Err(error) => (CaKey::Failed(Failure::from(&error)), Err(error)),
            };
            service.set_key(key);
            outcome
        }))
    }

    /// Starts to change the CA's key on a separate thread, while the server does not run: it cannot be started meanwhile.
    /// The new key has the size of the present one. `ended` gets the outcome before the state changes. The thread continues
    /// if the task is dropped.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; [`ServiceError::Locked`] without the passphrase of the key; [`ServiceError::Runs`].
    pub fn change_key(
        self: &Arc<Self>,
        ended: impl FnOnce(Result<&RolledOver, &StateError>) + Send + 'static,
    ) -> Result<JoinHandle<Result<(), StateError>>, ServiceError> {
        let folder = self.folder()?;
        if self.is_locked() {
            return Err(ServiceError::Locked);
        }
        if !self.serving.begin(Serving::ChangingKey(Instant::now())) {
            return Err(ServiceError::Runs);
        }
        let service = self.clone();
        Ok(spawn_blocking(move || {
            let changed = state::rollover(&folder, None);
            if let Ok(changed) = &changed {
                service.set_key(CaKey::Ready(Arc::new(changed.folder.clone())));
            }
            ended(changed.as_ref());
            service.serving.set(match &changed {
                Ok(_) => Serving::Stopped(None),
                Err(error) => Serving::Failed(Failure::from(error)),
            });
            changed.map(drop)
        }))
    }
}
