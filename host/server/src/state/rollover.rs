//! The change of the CA's key (protocol §7, after RFC 4210 §4.4).
//!
//! 1. The new key is written to `ca-key-next.pem`.
//! 2. The present key is copied to the file of a former key. If it has an X.509 certificate, it certifies the new key.
//! 3. The present key signs the update to the new key, and the ledger records it. From here on the new key is the CA's.
//! 4. The new key becomes `ca-key.pem`.
//! 5. `ca-public.pem` and `anchor.json` are replaced.
//!
//! Each step is on the disk before the next. After an interruption before step 3, the next change continues with the same
//! new key. After step 3, [`finish_rollover`] completes steps 4 and 5. It needs no passphrase.

use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::{self, KeySize};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;

use super::chain::{check_chain, check_oldest, follow, followed, sign_update};
use super::{StateError, owner};
use minipki_ca::certify_next_key;
use minipki_ca::ports::{IssuerKey, Ledger, LedgerReader};
use minipki_keys::{CaFolder, FolderError, NEXT_KEY_FILE, SignerKind};
use minipki_ledger::{Accept, Lock, SqliteLedger, SqliteReader, StoreError};
use minipki_os::clock;

/// A change of the CA's key.
pub struct RolledOver {
    /// The folder, with the new key.
    pub folder: CaFolder,
    /// The fingerprint of the key before.
    pub former: Fingerprint,
    /// Whether an interrupted change was completed, and no other key was made.
    pub continued: bool,
}

/// Makes a new key of this size, by default of the size of the present one, and makes it the CA's key. Only completes a
/// change that was interrupted after its third step.
///
/// # Errors
/// [`StoreError::Locked`] while the CA serves; [`StateError::FormerKeyInUse`]; [`StateError::ChainTooLong`]; the errors
/// of the key, the ledger and the clock.
pub fn rollover(folder: &CaFolder, size: Option<KeySize>) -> Result<RolledOver, StateError> {
    let folder = match finish_rollover(folder)? {
        Finished { folder, former: Some(former) } => {
            return Ok(RolledOver { folder, former, continued: true });
        }
        Finished { folder, former: None } => folder,
    };
    // The ledger is open until the end: it locks the folder.
    let mut ledger = SqliteLedger::open(folder.path(), &owner(&folder))?;
    let now = clock::now()?;
    ledger.start_at(now, Accept::default())?;
    let _keys = folder.lock_keys()?;
    // A wrong passphrase is found before the new key is made, and so is a lost or damaged key: a backup with its file has to
    // be from after the last change.
    folder.check_keys()?;
    let mut reader = SqliteReader::open(folder.path(), &owner(&folder))?;
    let uses = reader.issuer_keys()?;
    check_oldest(&folder, &uses, now)?;

    let next = folder.next_key(size)?;
    check_next(&folder, uses.iter().map(|used| &used.key), next.public())?;
    let mut signer = folder.signer(SignerKind::Aws)?;
    check_chain(&uses, &sign_update(&folder, signer.as_mut(), next.public(), now)?, now)?;
    folder.keep_next_key(&next)?;
    folder.keep_key()?;
    // Recorded before the change: a certificate after the change is by the new key.
    certify_next_key(folder.issuer_id(), signer.as_mut(), &mut ledger, next.public(), now)?;
    let latest = UnixTime::new(reader.instance()?.latest).map_err(|_| StoreError::Damaged("time"))?;
    let not_before = clock::now()?.max(latest);
    let update = Some(sign_update(&folder, signer.as_mut(), next.public(), not_before)?);
    let key = IssuerKey { fingerprint: next.public().fingerprint(Portable::new()), not_before, update };
    let mut anchor = folder.anchor().clone();
    follow(folder.path(), &mut anchor, &key)?;
    ledger.change_key(&key, not_before)?;

    let former = folder.fingerprint();
    Ok(RolledOver { folder: folder.install_next(&anchor)?, former, continued: false })
}

/// A folder without an unfinished change of its key.
pub struct Finished {
    /// The folder.
    pub folder: CaFolder,
    /// The fingerprint of the key before, if a change was completed.
    pub former: Option<Fingerprint>,
}

/// Completes a change of the key that was interrupted after its third step. It needs no passphrase.
///
/// # Errors
/// [`StoreError::Locked`] while another process changes the key; the errors of the files.
pub fn finish_rollover(folder: &CaFolder) -> Result<Finished, StateError> {
    let folder = current(folder)?;
    if !is_unfinished(&folder) {
        return Ok(Finished { folder, former: None });
    }
    let _lock = Lock::acquire(folder.path())?;
    finish_locked(folder)
}

/// [`finish_rollover`] for a caller that holds the lock of the folder.
pub(super) fn finish_locked(folder: CaFolder) -> Result<Finished, StateError> {
    let _keys = folder.lock_keys()?;
    // Another process may have completed the change since.
    let folder = current(&folder)?;
    let anchor = followed(&folder, &issuer_keys(&folder)?)?;
    if anchor.fingerprint() == folder.fingerprint() {
        return Ok(Finished { folder, former: None });
    }
    Ok(Finished { folder: folder.install_next(&anchor)?, former: Some(folder.fingerprint()) })
}

/// Refuses a folder with an unfinished change of its key, and one that was read before a change.
pub(super) fn check_finished(folder: &CaFolder) -> Result<(), StateError> {
    let keys = issuer_keys(folder)?;
    match keys.last() {
        Some(present) if is_former(&keys, &folder.fingerprint()) => Err(StoreError::FormerKey {
            path: folder.path().join(minipki_ledger::FILE),
            present: present.fingerprint,
            former: folder.fingerprint(),
        }
        .into()),
        _ => Ok(()),
    }
}

/// Refuses the next key if it is one of `keys`, the CA's keys in the ledger, or a key that its anchor names.
pub(super) fn check_next<'k>(
    folder: &CaFolder,
    mut keys: impl Iterator<Item = &'k IssuerKey>,
    next: &rsa::PublicKey,
) -> Result<(), FolderError> {
    let key = next.fingerprint(Portable::new());
    if !folder.anchor().has_key(&key) && keys.all(|known| known.fingerprint != key) {
        return Ok(());
    }
    let path = folder.path().join(NEXT_KEY_FILE);
    Err(FolderError::WrongNextKey { path, key, what: "which the CA has or had already".to_owned() })
}

/// Whether the ledger names a later key than the folder. A ledger that cannot be read is reported when it is opened.
fn is_unfinished(folder: &CaFolder) -> bool {
    issuer_keys(folder).is_ok_and(|keys| is_former(&keys, &folder.fingerprint()))
}

/// Whether `key` is one of `keys`, but not the last one.
pub(super) fn is_former(keys: &[IssuerKey], key: &Fingerprint) -> bool {
    keys.split_last().is_some_and(|(_, former)| former.iter().any(|known| known.fingerprint == *key))
}

/// The keys of the ledger in the folder, the oldest first; none without a ledger.
pub(super) fn issuer_keys(folder: &CaFolder) -> Result<Vec<IssuerKey>, StateError> {
    Ok(minipki_ledger::issuer_keys_of(folder.path())?.unwrap_or_default())
}

/// The folder as it is now: another process may have changed the key since it was read.
fn current(folder: &CaFolder) -> Result<CaFolder, StateError> {
    Ok(folder.reopened()?.unwrap_or_else(|| folder.clone()))
}
