//! A backup put back: into a new folder, or into the folder of the same CA.
//!
//! Only what is lost or damaged is put back. A sound ledger stays, since it may be newer than the backup.

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
    /// Whether its ledger was sound, and has stayed.
    pub kept_ledger: bool,
    /// How many certificates are in its ledger.
    pub certificates: u64,
    /// How many tokens could still be used when the backup was made; 0 if the ledger has stayed.
    pub live_tokens: u64,
    /// The new name of the ledger that was there.
    pub replaced: Option<PathBuf>,
    /// Which of the other files were put back, each with the new name of the damaged one that was there.
    pub files: Vec<(&'static str, Option<PathBuf>)>,
}

/// Puts what `dir` lacks back from the backup `from`. The folder must not exist, be empty, or be of the same CA.
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
    let ledger = dir.join(format!("{}.restoring", minipki_ledger::FILE));
    let restored = Lock::acquire(dir).map_err(StateError::from).and_then(|lock| {
        // A journal that an interruption has left would be applied to the next file of this name.
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let left = minipki_ledger::companion(&ledger, suffix);
            files::remove(&left).map_err(StateError::io(&left))?;
        }
        let restored = put(from, dir, &ledger, options, now);
        drop(lock);
        restored
    });
    // It is there still after an error, or if it was not needed. The first error is the one to tell.
    let _ = files::remove(&ledger);
    if restored.is_err() && made {
        // A folder with anything in it stays.
        let _ = fs::remove_dir(dir);
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
    let (anchor, created) = check_backup(from, &about, &contents)?;
    let Lacking { owner, kept, files: lacking } = examine(dir, &anchor, &contents, options)?;
    let (certificates, live_tokens, replaced) = match kept {
        Some(certificates) => (certificates, 0, None),
        None => {
            let restoring = Restoring::prepare(dir, ledger, &owner, now, options.keep_tokens)?;
            let (certificates, live_tokens) = (restoring.certificates, restoring.live_tokens);
            (certificates, live_tokens, restoring.install()?)
        }
    };
    let mut files = Vec::new();
    // The anchor is the last, as when a CA is made.
    for ((name, mode), content) in archive::SMALL.iter().zip(&contents).rev() {
        if lacking.contains(name) {
            let file = dir.join(name);
            let aside = files::set_aside(&file).map_err(StateError::io(&file))?;
            files::replace(&file, content, *mode).map_err(StateError::io(&file))?;
            files.push((*name, aside));
        }
    }
    let (Owner { issuer_id, fingerprint }, kept_ledger) = (owner, kept.is_some());
    Ok(Restored { issuer_id, fingerprint, created, kept_ledger, certificates, live_tokens, replaced, files })
}

/// Checks that a backup's parts belong together. Returns its anchor, and when it was made.
fn check_backup(from: &Path, about: &About, contents: &Contents) -> Result<(Anchor, UnixTime), StateError> {
    let no = |what: &str| StateError::no_backup(from, what);
    let [anchor, _, key] = contents;
    let anchor = Anchor::decode(Portable::new(), anchor).map_err(|e| StateError::no_backup(from, e))?;
    let key = SignerKind::Portable.load(key).map_err(|e| StateError::no_backup(from, e))?;
    let fingerprint = anchor.fingerprint();
    if key.public_key().fingerprint(Portable::new()) != fingerprint {
        return Err(no("its key and its anchor do not belong together"));
    }
    if anchor.issuer_id().is_none() {
        return Err(no("its anchor names no CA"));
    }
    let created = UnixTime::new(about.created).map_err(|_| no("its time is after the year 9999"))?;
    Ok((anchor, created))
}

/// What a folder lacks.
struct Lacking {
    owner: Owner,
    /// How many certificates are in the ledger, if it stays.
    kept: Option<u64>,
    /// The other files that are lost or damaged.
    files: Vec<&'static str>,
}

/// Checks that the backup of the CA with this `anchor` may go into the folder, and what of it is needed there.
fn examine(
    dir: &Path,
    anchor: &Anchor,
    contents: &Contents,
    options: RestoreOptions,
) -> Result<Lacking, StateError> {
    let issuer_id = anchor.issuer_id().ok_or_else(|| FolderError::BareAnchor(dir.join(ANCHOR_FILE)))?;
    let owner = Owner { issuer_id: issuer_id.into(), fingerprint: anchor.fingerprint() };
    let key = match CaFolder::key_of(dir) {
        Ok(key) => key.map(|key| key.fingerprint(Portable::new())),
        Err(FolderError::Key { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let found_anchor = read(&dir.join(ANCHOR_FILE))?;
    let found_anchor = found_anchor.and_then(|text| Anchor::decode(Portable::new(), &text).ok());
    // Whose the folder is: by its key, or else its anchor, or else its ledger.
    let mut of = key.or(found_anchor.as_ref().map(Anchor::fingerprint));
    check_owner(dir, of, &owner)?;
    let kept = match minipki_ledger::sound(dir, &owner) {
        Ok(certificates) => {
            of = Some(owner.fingerprint);
            Some(certificates).filter(|_| !options.replace)
        }
        _ if options.replace => None,
        Err(StoreError::Foreign { .. }) if of.is_none() => {
            check_owner(dir, minipki_ledger::owner_of(dir)?.map(|found| found.fingerprint), &owner)?;
            None
        }
        Err(error) if error.needs_backup() => None,
        Err(error) => return Err(error.into()),
    };
    if of.is_none() && !holds_only_our_files(dir).map_err(StateError::io(dir))? {
        return Err(StateError::NotACa(dir.to_owned()));
    }
    CaFolder::check_private(dir)?;
    let mut files = Vec::new();
    for ((name, _), content) in archive::SMALL.iter().zip(contents) {
        let whole = match *name {
            KEY_FILE => key.is_some(),
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
        _ => Ok(Lacking { owner, kept, files }),
    }
}

/// Refuses a folder that is of another CA.
fn check_owner(dir: &Path, found: Option<Fingerprint>, owner: &Owner) -> Result<(), StateError> {
    match found {
        Some(found) if found != owner.fingerprint => {
            Err(StateError::OtherKey { folder: dir.to_owned(), found, backup: owner.fingerprint })
        }
        _ => Ok(()),
    }
}

/// The content of a file; `None` if it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StateError::io(path)(e)),
    }
}

/// Whether a folder of which nothing tells whose it is holds nothing but files of a CA, whole or not.
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
