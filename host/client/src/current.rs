//! The identity of a program that runs on: renewed, with a new status, and with the present key of its CA.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use minipki_core::trust::CertStatus;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::ask::CaContact;
use super::identity::{CERTIFICATE, load_anchor};
use super::{ClientError, Identity, IdentityError};
use minipki_os::clock;
use minipki_os::files::{self, Others};
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// The pause after the first failure to ask the CA. It doubles with each further failure, up to the normal pause.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The pause before a question to the CA that a peer has caused.
const SOON: Duration = Duration::from_secs(2);

/// The identity that a listener shows. It can be exchanged while the listener runs.
#[derive(Clone)]
pub struct CurrentIdentity {
    shown: Arc<RwLock<Arc<Identity>>>,
    /// A reason to ask the CA soon.
    ask: Arc<Notify>,
}

impl CurrentIdentity {
    /// Shows `identity` first.
    pub fn new(identity: Identity) -> Self {
        Self { shown: Arc::new(RwLock::new(Arc::new(identity))), ask: Arc::default() }
    }

    /// The identity that is shown now.
    pub fn get(&self) -> Arc<Identity> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the CA soon for changes of its key: a peer has shown a certificate of an unknown key.
    pub fn ask_soon(&self) {
        self.ask.notify_one();
    }

    /// Shows `identity` to the next peers.
    pub fn set(&self, identity: Identity) {
        *self.write() = Arc::new(identity);
    }

    /// Shows `identity`, unless it was made from another one than is shown now.
    fn replace(&self, former: &Arc<Identity>, identity: Identity) {
        let mut current = self.write();
        if Arc::ptr_eq(&current, former) {
            *current = Arc::new(identity);
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Arc<Identity>> {
        self.shown.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the identity that is in `folder`, for ever: looks at its certificate and its anchor at each `interval`, and
    /// uses changed ones for the next peers. `report` gets each new identity, and the first error after a success.
    pub async fn follow(
        &self,
        provider: HostProvider,
        folder: &Path,
        passphrase: Option<&Passphrase>,
        interval: Duration,
        report: impl Fn(Result<&Identity, IdentityError>),
    ) -> Infallible {
        let mut failing = false;
        loop {
            sleep(interval).await;
            if self.get().is_in(folder) {
                failing = false;
                continue;
            }
            match Identity::load_with(provider, folder, passphrase) {
                Ok(identity) => {
                    report(Ok(&identity));
                    self.set(identity);
                    failing = false;
                }
                Err(error) if !failing => {
                    report(Err(error));
                    failing = true;
                }
                Err(_) => {}
            }
        }
    }

    /// Keeps the status of the certificate new, and follows the changes of the CA's key, for ever. Asks the CA at each
    /// `interval`, and sooner after a failure. `report` gets each statement that differs from the one before, and the
    /// first failure after a success.
    pub async fn keep_new(
        &self,
        contact: CaContact,
        folder: &Path,
        interval: Duration,
        mut report: impl FnMut(Result<CertStatus, ClientError>),
    ) -> Infallible {
        let mut pause = first_pause(&self.get(), interval);
        let (mut last, mut failing, mut retry) = (CertStatus::Good, false, FIRST_RETRY);
        loop {
            tokio::select! {
                () = sleep(pause) => {}
                // Anybody can cause a question, so there is one in this time at most.
                () = self.ask.notified() => sleep(pause.min(SOON)).await,
            }
            match self.ask(&contact, folder).await {
                Ok(status) => {
                    if status != last {
                        report(Ok(status));
                    }
                    (last, failing, retry, pause) = (status, false, FIRST_RETRY, interval);
                }
                Err(error) => {
                    if !failing {
                        report(Err(error));
                    }
                    pause = retry.min(interval);
                    (failing, retry) = (true, retry.saturating_mul(2));
                }
            }
        }
    }

    async fn ask(&self, contact: &CaContact, folder: &Path) -> Result<CertStatus, ClientError> {
        let former = self.get();
        let followed = Identity::clone(&former).follow_ca(contact, folder).await;
        // The status does not depend on the anchor.
        let (identity, status) = Identity::clone(&former).refresh_status(contact, folder).await?;
        // `follow` takes a new anchor from the folder, and reports it.
        if !matches!(followed, Ok((_, true))) {
            self.replace(&former, identity);
        }
        followed.map(|_| status)
    }
}

impl Identity {
    /// Whether `folder` has the same certificate and anchor.
    fn is_in(&self, folder: &Path) -> bool {
        let certificate = files::read(&folder.join(CERTIFICATE), Others::Read);
        certificate.is_ok_and(|text| *text == self.certificate)
            && load_anchor(folder).is_ok_and(|anchor| anchor == self.anchor)
    }
}

/// The time until the status that `identity` has already is due to be replaced.
fn first_pause(identity: &Identity, interval: Duration) -> Duration {
    match (identity.status_time(), clock::now()) {
        (Some(made), Ok(now)) => {
            interval.saturating_sub(Duration::from_secs(now.get().saturating_sub(made.get())))
        }
        _ => Duration::ZERO,
    }
}
