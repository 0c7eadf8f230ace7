//! Revocation at the client (protocol §7): the status of a certificate, and the revocation of one's own.
//!
//! The folder of an identity keeps the newest status in `status.json`. The identity shows it to peers with its
//! certificate (stapling).

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use minipki_core::cert::{self, Anchor, Status, verify_status};
use minipki_core::limits::STAPLED;
use minipki_core::session::{HolderRevocation, RevokeOutcome, StatusOutcome, StatusQuery};
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Revocation, RevocationReason, Serial};
use minipki_core::wire::channel::Payload;
use tokio::time::sleep;

use super::ask::{CaContact, refused};
use super::identity::CERTIFICATE;
use super::{ClientError, Identity, IdentityError};
use minipki_os::clock;
use minipki_os::files::{self, Others};
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// The file with the newest status.
pub(super) const STATUS: &str = "status.json";

/// The pause after the first failure to get a status. It doubles with each further failure, up to the normal pause.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Asks the CA for the status of the certificate with this serial number, and verifies the signature. With `nonce` the
/// status is new; it is not for other verifiers.
///
/// # Errors
/// [`ClientError::Refused`], or the failed check of the response. An `anchor` with a fingerprint alone is refused.
pub async fn fetch_status(
    contact: &CaContact,
    provider: HostProvider,
    anchor: &Anchor,
    serial_number: Serial,
    nonce: bool,
) -> Result<Vec<u8>, ClientError> {
    let (outcome, body) = contact.ask(StatusQuery { provider, serial_number, anchor, nonce }).await?;
    match outcome {
        StatusOutcome::Status(text) => Ok(body.get(text).unwrap_or_default().to_vec()),
        StatusOutcome::Refused { code, text } => Err(refused(code, text, &body)),
    }
}

/// Has the CA revoke the certificate of `identity`. A repeated call gets the first answer again.
///
/// # Errors
/// [`ClientError::Refused`], or the failed check of the response.
pub async fn revoke(
    contact: &CaContact,
    identity: &Identity,
    reason: RevocationReason,
) -> Result<Revocation, ClientError> {
    let serial_number = identity.serial_number();
    let issuer = identity.anchor().fingerprint();
    let request = HolderRevocation { serial_number, reason, key: identity.key(), issuer };
    let (outcome, body) = contact.ask(request).await?;
    match outcome {
        RevokeOutcome::Revoked(revocation) => Ok(revocation),
        RevokeOutcome::Refused { code, text } => Err(refused(code, text, &body)),
    }
}

impl Identity {
    /// This identity with the status of its certificate, which it shows to peers. A status that is not `good` is not
    /// shown.
    ///
    /// # Errors
    /// [`cert::Error`] if the status is not by our CA, or is about another certificate.
    pub fn with_status(mut self, text: &[u8]) -> Result<Self, cert::Error> {
        let status = Status::parse(text)?;
        let nonce = status.nonce().copied();
        verify_status(self.key.provider(), &self.anchor, &status, self.serial_number(), nonce.as_ref())?;
        let shown = (status.status() == CertStatus::Good).then_some(text);
        let mut room = vec![0; STAPLED];
        let payload = Payload { certificate: &self.certificate, status: shown };
        self.credentials = payload.encode(&mut room)?.to_vec();
        self.status_time = shown.map(|_| status.this_update());
        Ok(self)
    }

    /// This identity with the status in its folder, if the status can be used at `now`.
    pub(super) fn with_stored_status(self, folder: &Path, now: UnixTime) -> Self {
        let Ok(text) = files::read(&folder.join(STATUS), Others::Read) else { return self };
        let usable = Status::parse(&text).is_ok_and(|status| now <= status.next_update());
        if usable { self.clone().with_status(&text).unwrap_or(self) } else { self }
    }

    /// The time of the status that this identity shows, if it has one.
    pub const fn status_time(&self) -> Option<UnixTime> {
        self.status_time
    }

    /// Gets the status of this identity's certificate from the CA, and stores it in `folder`. Returns the identity with
    /// the status, and the statement.
    ///
    /// # Errors
    /// The errors of [`fetch_status`]; [`IdentityError`] if the status cannot be stored.
    pub async fn refresh_status(
        self,
        contact: &CaContact,
        folder: &Path,
    ) -> Result<(Self, CertStatus), ClientError> {
        let (provider, serial) = (self.key.provider(), self.serial_number());
        let text = fetch_status(contact, provider, self.anchor(), serial, false).await?;
        let path = folder.join(STATUS);
        files::replace(&path, &text, files::PUBLIC)
            .map_err(|source| ClientError::Folder(Box::new(IdentityError::write(&path, source))))?;
        let status = Status::parse(&text)?.status();
        Ok((self.with_status(&text)?, status))
    }
}

/// The identity that a listener shows. It can be exchanged while the listener runs.
#[derive(Clone)]
pub struct CurrentIdentity(Arc<RwLock<Arc<Identity>>>);

impl CurrentIdentity {
    /// Shows `identity` first.
    pub fn new(identity: Identity) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(identity))))
    }

    /// The identity that is shown now.
    pub fn get(&self) -> Arc<Identity> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows `identity` to the next peers.
    pub fn set(&self, identity: Identity) {
        *self.write() = Arc::new(identity);
    }

    /// Shows `identity` with its new status, unless another certificate is shown meanwhile.
    fn set_status(&self, identity: Identity) {
        let mut current = self.write();
        if current.serial_number() == identity.serial_number() {
            *current = Arc::new(identity);
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Arc<Identity>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the identity that is in `folder`, for ever: looks at its certificate at each `interval`, and shows a
    /// renewed one to the next peers. `report` gets each new identity, and the first error after a success.
    pub async fn follow(
        &self,
        provider: HostProvider,
        folder: &Path,
        passphrase: Option<&Passphrase>,
        interval: Duration,
        report: impl Fn(Result<&Identity, IdentityError>),
    ) -> Infallible {
        let (path, mut failing) = (folder.join(CERTIFICATE), false);
        loop {
            sleep(interval).await;
            let same = files::read(&path, Others::Read).is_ok_and(|text| *text == self.get().certificate());
            if same {
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
}

/// Keeps the status of `current` new, for ever. Asks the CA at each `interval`, and sooner after a failure. `report`
/// gets each statement that differs from the one before, and the first failure after a success.
pub async fn keep_status(
    current: CurrentIdentity,
    contact: CaContact,
    folder: &Path,
    interval: Duration,
    mut report: impl FnMut(Result<CertStatus, ClientError>),
) -> Infallible {
    let mut pause = first_pause(&current.get(), interval);
    let (mut last, mut failing, mut retry) = (CertStatus::Good, false, FIRST_RETRY);
    loop {
        sleep(pause).await;
        let identity = Identity::clone(&current.get());
        match identity.refresh_status(&contact, folder).await {
            Ok((identity, status)) => {
                current.set_status(identity);
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

/// The time until the status that `identity` has already is due to be replaced.
fn first_pause(identity: &Identity, interval: Duration) -> Duration {
    match (identity.status_time(), clock::now()) {
        (Some(made), Ok(now)) => {
            interval.saturating_sub(Duration::from_secs(now.get().saturating_sub(made.get())))
        }
        _ => Duration::ZERO,
    }
}
