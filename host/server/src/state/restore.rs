//! The restore of a backup into a new folder, or into the folder of the same CA.
//!
//! Only lost or damaged files are restored. A sound ledger stays, since it may be newer than the backup.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;

use super::StateError;
use super::archive::{self, About, Contents};
use minipki_keys::{ANCHOR_FILE, CaFolder, FolderError, KEY_FILE, SignerKind};
use minipki_ledger::{Lock, Owner, Restoring, StoreError};
use minipki_os::files;
use minipki_passphrase::{EncryptedKeyError, Passphrase};

/// The options of a restore.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions<'a> {
    /// Whether tokens that were live at the time of the backup can be used again.
    pub keep_tokens: bool,
    /// Whether a sound ledger is replaced too.
    pub replace: bool,
    /// The passphrase of the keys in the backup and in the folder. Without it, encrypted keys are not opened.
    pub passphrase: Option<&'a Passphrase>,
}

/// A restored CA.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The name of the CA.
    pub issuer_id: IdBuf,
    /// The fingerprint of its key.
    pub fingerprint: Fingerprint,
    /// The time of the backup.
    pub created: UnixTime,
    /// Whether the ledger was sound, and has stayed.
    pub kept_ledger: bool,
    /// The number of certificates in the ledger.
    pub certificates: u64,
    /// The number of live tokens at the time of the backup; 0 if the ledger has stayed.
    pub live_tokens: u64,
    /// The new name of the earlier ledger.
    pub replaced: Option<PathBuf>,
    /// The other files that were restored, each with the new name of its damaged version.
    pub files: Vec<(&'static str, Option<PathBuf>)>,
}

/// Restores the lost or damaged files in `dir` from the backup `from`. The folder must not exist, be empty, or be of
/// the same CA.
///
/// All checks precede the first change in the folder. After a crash, the folder is unchanged, or the next call
/// completes the restore.
///
/// # Errors
/// [`StateError`].
pub fn restore(
    from: &Path,
    dir: &Path,
    options: RestoreOptions<'_>,
    now: UnixTime,
) -> Result<Restored, StateError> {
    if !fs::metadata(from).map_err(StateError::io(from))?.is_file() {
        return Err(StateError::no_backup(from, "it is not a file"));
    }
    let made = !dir.exists();
    if made {
        files::create_folder(dir).map_err(StateError::io(dir))?;
    }
    let ledger = dir.join(format!("{}.restoring", minipki_ledger::FILE));
    let restored = Lock::acquire(dir).map_err(StateError::from).and_then(|lock| {
        // SQLite would apply the journal of an interrupted restore to the next file of this name.
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let left = minipki_ledger::companion(&ledger, suffix);
            files::remove(&left).map_err(StateError::io(&left))?;
        }
        let restored = restore_locked(from, dir, &ledger, options, now);
        drop(lock);
        restored
    });
    // The file still exists after an error, or if it was not needed. The first error is returned.
    let _ = files::remove(&ledger);
    if restored.is_err() && made {
        // Removes an empty folder only.
        let _ = fs::remove_dir(dir);
    }
    restored
}

fn restore_locked(
    from: &Path,
    dir: &Path,
    ledger: &Path,
    options: RestoreOptions<'_>,
    now: UnixTime,
) -> Result<Restored, StateError> {
    let (about, contents) = archive::read(from, ledger)?;
    let (anchor, created) = check_backup(from, &about, &contents, options.passphrase)?;
    let Plan { owner, kept, files: lost } = plan(dir, &anchor, &contents, options)?;
    let (certificates, live_tokens, replaced) = match kept {
        Some(certificates) => (certificates, 0, None),
        None => {
            let restoring = Restoring::prepare(dir, ledger, &owner, now, options.keep_tokens)?;
            let (certificates, live_tokens) = (restoring.certificates, restoring.live_tokens);
            (certificates, live_tokens, restoring.install()?)
        }
    };
    let mut files = Vec::new();
    // The anchor comes last, as in the creation of a CA.
    for ((name, mode), content) in archive::SMALL.iter().zip(&contents).rev() {
        if lost.contains(name) {
            let file = dir.join(name);
            let aside = files::set_aside(&file).map_err(StateError::io(&file))?;
            files::replace(&file, content, *mode).map_err(StateError::io(&file))?;
            files.push((*name, aside));
        }
    }
    let (Owner { issuer_id, fingerprint }, kept_ledger) = (owner, kept.is_some());
    Ok(Restored { issuer_id, fingerprint, created, kept_ledger, certificates, live_tokens, replaced, files })
}

/// Checks that the parts of a backup belong together. Returns its anchor and its time.
fn check_backup(
    from: &Path,
    about: &About,
    contents: &Contents,
    passphrase: Option<&Passphrase>,
) -> Result<(Anchor, UnixTime), StateError> {
    let refuse = |what: &str| StateError::no_backup(from, what);
    let [anchor, _, key] = contents;
    let anchor = Anchor::decode(Portable::new(), anchor).map_err(|e| StateError::no_backup(from, e))?;
    match minipki_passphrase::open(key.clone(), passphrase) {
        // Its form is sound. The passphrase may be known to other people only.
        Err(EncryptedKeyError::Locked) => {}
        opened => {
            let key = opened.map_err(|e| StateError::no_backup(from, format_args!("{KEY_FILE}: {e}")))?;
            let key = SignerKind::Portable.load(&key).map_err(|e| StateError::no_backup(from, e))?;
            if key.public_key().fingerprint(Portable::new()) != anchor.fingerprint() {
                return Err(refuse("its key and its anchor do not belong together"));
            }
        }
    }
    if anchor.issuer_id().is_none() {
        return Err(refuse("its anchor names no CA"));
    }
    let created = UnixTime::new(about.created).map_err(|_| refuse("its time is after the year 9999"))?;
    Ok((anchor, created))
}

/// The changes of a restore to a folder.
struct Plan {
    owner: Owner,
    /// The number of certificates in the ledger, if it stays.
    kept: Option<u64>,
    /// The other files that are lost or damaged.
    files: Vec<&'static str>,
}

/// Checks that the backup with this `anchor` can be restored into the folder, and finds the files to restore.
fn plan(
    dir: &Path,
    anchor: &Anchor,
    contents: &Contents,
    options: RestoreOptions<'_>,
) -> Result<Plan, StateError> {
    let issuer_id = anchor.issuer_id().ok_or_else(|| FolderError::BareAnchor(dir.join(ANCHOR_FILE)))?;
    let owner = Owner { issuer_id: issuer_id.into(), fingerprint: anchor.fingerprint() };
    let (has_key, key) = match CaFolder::key_of(dir, options.passphrase) {
        Ok(key) => (key.is_some(), key.map(|key| key.fingerprint(Portable::new()))),
        // The key may be sound. Then the anchor names it.
        Err(error) if error.needs_passphrase() => (true, None),
        Err(FolderError::Key { source, .. }) if source.is_content() => (false, None),
        Err(error) => return Err(error.into()),
    };
    let found_anchor = read(&dir.join(ANCHOR_FILE))?;
    let found_anchor = found_anchor.and_then(|text| Anchor::decode(Portable::new(), &text).ok());
    let found = key.or(found_anchor.as_ref().map(Anchor::fingerprint));
    check_owner(dir, found, &owner)?;
    // The folder of a client has an anchor too.
    let mut is_ca = has_key;
    let kept = match minipki_ledger::check_sound(dir, &owner) {
        Ok(certificates) => {
            is_ca = true;
            Some(certificates).filter(|_| !options.replace)
        }
        _ if options.replace => None,
        Err(StoreError::Foreign { .. }) if found.is_none() => {
            check_owner(dir, minipki_ledger::owner_of(dir)?.map(|other| other.fingerprint), &owner)?;
            None
        }
        Err(error) if error.needs_backup() => None,
        Err(error) => return Err(error.into()),
    };
    if !is_ca && !holds_only_our_files(dir).map_err(StateError::io(dir))? {
        return Err(StateError::NotACa(dir.to_owned()));
    }
    CaFolder::check_private(dir)?;
    let mut files = Vec::new();
    for ((name, _), content) in archive::SMALL.iter().zip(contents) {
        let whole = match *name {
            KEY_FILE => has_key,
            ANCHOR_FILE => found_anchor.as_ref() == Some(anchor),
            _ => read(&dir.join(name))?.as_deref() == Some(content.as_slice()),
        };
        if !whole {
            files.push(*name);
        }
    }
    match kept {
        Some(certificates) if files.is_empty() => {
            Err(StateError::Sound { folder: dir.to_owned(), certificates })
        }
        _ => Ok(Plan { owner, kept, files }),
    }
}

/// Refuses the folder of another CA.
fn check_owner(dir: &Path, found: Option<Fingerprint>, owner: &Owner) -> Result<(), StateError> {
    match found {
        Some(found) if found != owner.fingerprint => {
            Err(StateError::OtherKey { folder: dir.to_owned(), found, backup: owner.fingerprint })
        }
        _ => Ok(()),
    }
}

/// The content of a file; `None` if it does not exist.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StateError::io(path)(e)),
    }
}

/// Whether all files in a folder are files of a CA by their names.
fn holds_only_our_files(dir: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let known =
            [minipki_ledger::FILE, minipki_ledger::LastStart::FILE].iter().any(|ours| name.starts_with(ours))
                || archive::SMALL.iter().any(|(ours, _)| name.starts_with(ours));
        if !known {
            return Ok(false);
        }
    }
    Ok(true)
}
