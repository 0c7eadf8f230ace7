//! Unlocking of the CA's key, if a passphrase encrypts it.

use std::sync::Arc;
use std::time::Instant;

use minipki_passphrase::Passphrase;

use super::error::ServiceError;
use super::service::{CaKey, CaService, run_blocking};
use super::state::finish_rollover;

impl CaService {
    /// Whether the private key is encrypted and its passphrase is not known.
    pub fn is_locked(&self) -> bool {
        // An error is reported when the key is used.
        matches!(self.key(), CaKey::Ready(folder) if folder.is_locked().unwrap_or(false))
    }

    /// Tries to unlock the private key. The passphrase stays in memory until this service ends, so that the server can
    /// be started again. The try continues if this future is dropped.
    ///
    /// # Errors
    /// [`ServiceError::NotLocked`], [`ServiceError::Unlocking`] or [`ServiceError::TooSoon`] without a try; the error of
    /// the key.
    pub async fn unlock(self: &Arc<Self>, passphrase: Passphrase) -> Result<(), ServiceError> {
        let service = self.clone();
        run_blocking(move || {
            if !service.is_locked() {
                return Err(ServiceError::NotLocked);
            }
            // While a change of the key is unfinished, the anchor and the key may not fit.
            let folder = finish_rollover(service.folder()?.as_ref())?.folder;
            let attempt = service.unlocking.begin(Instant::now())?;
            let checked = folder.with_passphrase(Some(passphrase.clone())).check_key();
            attempt.ended(!matches!(&checked, Err(error) if error.needs_passphrase()), Instant::now());
            checked?;
            service.set_passphrase(Some(passphrase));
            Ok(())
        })
        .await
    }
}
