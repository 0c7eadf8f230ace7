//! A backup put back: into a new folder, or into the folder of the same CA.

use std::fs;
use std::path::{Path, PathBuf};

use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::{Fingerprint, Portable};
use minipki_core::text::UnixTime;

use super::StateError;
use super::archive::{self, About, Contents};
use crate::files;
use crate::keys::{ANCHOR_FILE, CaFolder, KEY_FILE, SignerKind};
use crate::store::{self, Lock, Owner, Restoring, StoreError};

/// The options of a restore.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions {
    /// Whether tokens that could still be used when the backup was made can be used again.
    pub keep_tokens: bool,
    /// Whether a ledger that is sound may be replaced.
    pub replace: bool,
}

/// A CA that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Its name.
    pub issuer_id: IdBuf,
    /// Its key.
    pub fingerprint: Fingerprint,
    /// When the backup was made.
    pub created: UnixTime,
    /// How many certificates are in its ledger.
    pub certificates: u64,
    /// How many tokens could still be used when the backup was made.
    pub live_tokens: u64,
    /// The new name of the ledger that was there.
    pub replaced: Option<PathBuf>,
}

/// Puts the backup `from` into the folder `dir`, which must not exist, be empty, or hold the same key.
///
/// Everything is checked before anything in the folder changes. A crash at any moment leaves what was there, or
/// something that the next call completes.
///
/// # Errors
/// [`StateError`]: what is in the way.
pub fn restore(
    from: &Path,
    dir: &Path,
    options: RestoreOptions,
    now: UnixTime,
) -> Result<Restored, StateError> {
    if !from.is_file() {
        return Err(StateError::no_backup(from, "there is no such file"));
    }
    let made = !dir.exists();
    if made {
        files::create_folder(dir).map_err(StateError::io(dir))?;
    }
    let ledger = dir.join(format!("{}.restoring", store::FILE));
    let restored = Lock::acquire(dir).map_err(StateError::from).and_then(|lock| {
        // A journal that an interruption has left would be applied to the next file of this name.
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let left = store::companion(&ledger, suffix);
            files::remove(&left).map_err(StateError::io(&left))?;
        }
        let restored = put(from, dir, &ledger, options, now);
        drop(lock);
        restored
    });
    if restored.is_err() {
        // The first error is the one to tell. A folder with anything in it stays.
        let _ = files::remove(&ledger);
        if made {
            let _ = fs::remove_dir(dir);
        }
    }
    restored
}

fn put(
    from: &Path,
    dir: &Path,
    ledger: &Path,
    options: RestoreOptions,
    now: UnixTime,
) -> Result<Restored, StateError> {
    let (about, contents) = archive::read(from, ledger)?;
    let (owner, created) = check_backup(from, &about, &contents)?;
    check_folder(dir, &owner, options)?;
    let restoring = Restoring::prepare(dir, ledger, &owner, now, options.keep_tokens)?;
    let (certificates, live_tokens) = (restoring.certificates, restoring.live_tokens);
    let replaced = restoring.install()?;
    // The anchor is the last, as when a CA is made. A key that is there is the same one, and stays.
    for ((name, mode), content) in archive::SMALL.iter().zip(&contents).rev() {
        let file = dir.join(name);
        if *name != KEY_FILE || !file.exists() {
            files::replace(&file, content, *mode).map_err(StateError::io(&file))?;
        }
    }
    let Owner { issuer_id, fingerprint } = owner;
    Ok(Restored { issuer_id, fingerprint, created, certificates, live_tokens, replaced })
}

/// Checks that a backup's parts belong together. Returns the CA that they belong to, and when the backup was made.
fn check_backup(from: &Path, about: &About, contents: &Contents) -> Result<(Owner, UnixTime), StateError> {
    let no = |what: &str| StateError::no_backup(from, what);
    let [anchor, _, key] = contents;
    let anchor = Anchor::decode::<Portable>(anchor).map_err(|e| StateError::no_backup(from, e))?;
    let key = SignerKind::Portable.load(key).map_err(|e| StateError::no_backup(from, e))?;
    let fingerprint = anchor.fingerprint();
    if key.public_key().fingerprint::<Portable>() != fingerprint {
        return Err(no("its key and its anchor do not belong together"));
    }
    let issuer_id = anchor.issuer_id().map(IdBuf::from).ok_or_else(|| no("its anchor names no CA"))?;
    let created = UnixTime::new(about.created).map_err(|_| no("its time is after the year 9999"))?;
    Ok((Owner { issuer_id, fingerprint }, created))
}

/// Checks that the backup of `owner` may go into the folder.
fn check_folder(dir: &Path, owner: &Owner, options: RestoreOptions) -> Result<(), StateError> {
    match CaFolder::key_of(dir)? {
        Some(key) => {
            let found = key.fingerprint::<Portable>();
            if found != owner.fingerprint {
                let (folder, backup) = (dir.to_owned(), owner.fingerprint);
                return Err(StateError::OtherKey { folder, found, backup });
            }
        }
        None if !holds_only_ledgers(dir).map_err(StateError::io(dir))? => {
            return Err(StateError::NotACa(dir.to_owned()));
        }
        None => {}
    }
    CaFolder::check_private(dir)?;
    if options.replace || !dir.join(ANCHOR_FILE).exists() {
        return Ok(());
    }
    match store::sound(dir, owner) {
        Ok(certificates) => Err(StateError::Sound { folder: dir.to_owned(), certificates }),
        Err(
            StoreError::Missing { .. }
            | StoreError::Foreign { .. }
            | StoreError::NotTheLast { .. }
            | StoreError::Mode { .. },
        ) => Ok(()),
        Err(error) if error.is_damage() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a folder without a key holds nothing but what a restore that was interrupted may have left.
fn holds_only_ledgers(dir: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let known = [store::FILE, store::LastStart::FILE].iter().any(|ours| name.starts_with(ours))
            || archive::SMALL.iter().any(|(ours, _)| name.starts_with(ours));
        if !known {
            return Ok(false);
        }
    }
    Ok(true)
}
