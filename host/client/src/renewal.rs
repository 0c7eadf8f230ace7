//! The renewal of an identity in its folder (protocol §7).
//!
//! | file | content |
//! | --- | --- |
//! | `next/key.pem`, `next/renewal.json` | the new key, and the serial number of the certificate that it renews |
//! | `next/certificate.json` | the new certificate, until both files have replaced the present ones |
//! | `previous/` | the identity before the last renewal |
//! | `renewal.lock` | the lock of a renewal in progress |
//!
//! The new key is on the disk before the request is sent, and each later attempt uses the same key. So a process or a
//! machine may stop at any time: the CA repeats its answer, and the next attempt stores it. While the two files are
//! replaced one after the other, [`Identity::load`] takes the certificate from `next`.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use minipki_core::cert::IdBuf;
use minipki_core::session::{EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::Now;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::ClientError;
use super::ask::{CaContact, refused};
use super::identity::{ANCHOR, CERTIFICATE, Identity, NEXT};
use super::identity_error::{IdentityError, KEY};
use super::key_file::{self, KeyOptions, sync};
use super::renewal_lock::lock;
use super::status::STATUS;
use super::twin::TWIN;
use minipki_core::crypto::KeyPair;
use minipki_os::clock;
use minipki_os::files::{self, Locked, Others};
use minipki_passphrase::{Passphrase, is_encrypted};
use minipki_provider::HostProvider;

const INTENT: &str = "renewal.json";
pub(super) const PREVIOUS: &str = "previous";
const NEW_PREVIOUS: &str = "previous.new";

/// The content of `renewal.json`.
#[derive(Deserialize, PartialEq, Eq, Serialize)]
struct Intent {
    serial_number: u64,
}

/// A renewal in progress. The folder is locked, and the new key is on the disk.
pub struct Renewal {
    folder: PathBuf,
    current: Identity,
    key: KeyPair<HostProvider>,
    resumed: bool,
    _lock: Locked,
}

impl Renewal {
    /// Begins the renewal of the identity in `folder`, or continues one. A renewal whose certificate is on the disk
    /// already is finished first. `passphrase` opens the present key and encrypts the new one.
    ///
    /// # Errors
    /// [`IdentityError::Busy`] if another process renews the identity; otherwise the error of the failed step.
    pub fn begin(
        provider: HostProvider,
        folder: &Path,
        passphrase: Option<&Passphrase>,
        reuse_key: bool,
    ) -> Result<Self, IdentityError> {
        key_file::check_folder(folder, OFlags::empty())?;
        let lock = lock(folder)?;
        finish(folder)?;
        let current = Identity::load_genuine(provider, folder, passphrase)?;
        // A passphrase that was removed meanwhile does not come back.
        let encrypted = files::read(&folder.join(KEY), Others::Nothing).is_ok_and(|text| is_encrypted(&text));
        let passphrase = passphrase.filter(|_| encrypted);
        let intent = Intent { serial_number: current.serial_number().to_u64().unwrap_or_default() };
        let next = folder.join(NEXT);
        // The CA may have certified this key already, so no other key is used.
        let resumed = next.join(KEY).exists() && read_intent(&next)? == intent;
        let key = if resumed {
            key_file::read(provider, &next.join(KEY), passphrase)?
        } else {
            let existing = reuse_key.then_some(current.key());
            create_next(provider, &next, &intent, KeyOptions { passphrase, existing })?
        };
        Ok(Self { folder: folder.to_owned(), current, key, resumed, _lock: lock })
    }

    /// The present identity.
    pub const fn current(&self) -> &Identity {
        &self.current
    }

    /// Whether an earlier attempt created the new key.
    pub const fn resumed(&self) -> bool {
        self.resumed
    }

    /// Follows the changes of the CA's key, gets the new certificate from the CA, and replaces the identity in the
    /// folder. Returns the new identity. After an
    /// error the present identity is unchanged, and another attempt continues with the same new key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn run(mut self, contact: &CaContact) -> Result<Identity, ClientError> {
        // A CA that has not changed its key renews the certificate in any case.
        let followed = self.current.clone().follow_ca_locked(contact, &self.folder).await;
        if let Ok(current) = &followed {
            self.current = current.clone();
        }
        let identity = match (self.request(contact).await, followed) {
            (Err(error), Err(reason)) if error.is_of_another_key() => return Err(reason),
            (requested, _) => requested?,
        };
        let (new, former) = (&identity, &self.current);
        // Otherwise somebody between us and the CA has sent an earlier certificate of the same key.
        if new.serial_number() == former.serial_number()
            || new.validity().not_before() < former.validity().not_before()
        {
            return Err(ClientError::Replayed { with: contact.address.clone() });
        }
        let next = self.folder.join(NEXT);
        let path = next.join(CERTIFICATE);
        files::replace(&path, identity.certificate(), files::PUBLIC)
            .map_err(|source| IdentityError::write(&path, source))
            .and_then(|()| sync(&next))
            .and_then(|()| finish(&self.folder))
            .map_err(|error| ClientError::Folder(Box::new(error)))?;
        Ok(identity)
    }

    async fn request(&self, contact: &CaContact) -> Result<Identity, ClientError> {
        let (anchor, current) = (self.current.anchor(), self.current.key());
        let enrolment = Enrolment {
            subject_id: IdBuf::from(self.current.subject_id()),
            key: &self.key,
            anchor,
            now: Now::Exact(clock::now()?),
            form: EnrolForm::Renewal { serial_number: self.current.serial_number(), current },
        };
        let (outcome, body) = contact.ask(enrolment).await?;
        match outcome {
            EnrolOutcome::Issued(text) | EnrolOutcome::OutOfTime { certificate: text, .. } => {
                let certificate = body.get(text).unwrap_or_default().to_vec();
                Ok(Identity::genuine(self.key.clone(), certificate, anchor.clone())?)
            }
            EnrolOutcome::Refused { code, text } => Err(refused(code, text, &body)),
        }
    }
}

/// The intent of an earlier attempt.
fn read_intent(next: &Path) -> Result<Intent, IdentityError> {
    let path = next.join(INTENT);
    let text = files::read_bytes(&path).map_err(|e| IdentityError::write(&path, e))?;
    serde_json::from_slice(&text).map_err(|e| IdentityError::write(&path, e.into()))
}

/// Makes the folder `next` with a key, in place of the rest of a renewal of another certificate.
fn create_next(
    provider: HostProvider,
    next: &Path,
    intent: &Intent,
    options: KeyOptions<'_>,
) -> Result<KeyPair<HostProvider>, IdentityError> {
    let failed = |e| IdentityError::write(next, e);
    if next.join(KEY).exists() {
        // A key is never removed.
        files::set_aside(next).map_err(failed)?;
    } else {
        remove_folder(next)?;
    }
    files::create_folder(next).map_err(failed)?;
    let text = serde_json::to_vec(intent).map_err(|e| failed(io::Error::other(e)))?;
    files::write_new(&next.join(INTENT), &text, files::SECRET).map_err(failed)?;
    // The key comes last: with a key, the folder is complete.
    let key = key_file::create(provider, next, options)?;
    sync(files::folder_of(next))?;
    Ok(key)
}

/// Replaces the identity in `folder` by the one in `next`, if that has its certificate. Each step can be repeated.
pub(super) fn finish(folder: &Path) -> Result<(), IdentityError> {
    let next = folder.join(NEXT);
    if !next.join(CERTIFICATE).exists() {
        return Ok(());
    }
    if next.join(KEY).exists() {
        keep_previous(folder)?;
        replace(&next, folder, KEY)?;
    }
    replace(&next, folder, CERTIFICATE)?;
    // The status is of the certificate before.
    key_file::remove(&folder.join(STATUS))?;
    remove_folder(&next)?;
    sync(folder)
}

/// Keeps the present identity in `previous`.
fn keep_previous(folder: &Path) -> Result<(), IdentityError> {
    let (new, previous) = (folder.join(NEW_PREVIOUS), folder.join(PREVIOUS));
    remove_folder(&new)?;
    files::create_folder(&new).map_err(|e| IdentityError::write(&new, e))?;
    for name in [KEY, CERTIFICATE, ANCHOR, TWIN] {
        let (from, to) = (folder.join(name), new.join(name));
        if name == TWIN && !from.exists() {
            continue;
        }
        // A link keeps the mode and the owner. The content of the file never changes.
        // Not every file system has links.
        fs::hard_link(&from, &to)
            .or_else(|_| fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all()))
            .map_err(|e| IdentityError::write(&to, e))?;
    }
    sync(&new)?;
    remove_folder(&previous)?;
    fs::rename(&new, &previous).map_err(|e| IdentityError::write(&previous, e))?;
    sync(folder)
}

/// Moves a file, over the file with the same name.
fn replace(from: &Path, to: &Path, name: &str) -> Result<(), IdentityError> {
    let path = to.join(name);
    fs::rename(from.join(name), &path).map_err(|e| IdentityError::write(&path, e))?;
    sync(to)
}

fn remove_folder(path: &Path) -> Result<(), IdentityError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(IdentityError::write(path, e)),
        _ => Ok(()),
    }
}
