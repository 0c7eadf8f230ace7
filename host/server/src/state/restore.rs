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
use zeroize::Zeroizing;

use super::archive::{self, About, Entry};
use super::rollover::is_former;
use super::{StateError, owner};
use minipki_keys::{ANCHOR_FILE, CaFolder, FolderError, KEY_FILE, SignerKind, former_key_file, key_in};
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
    pub files: Vec<(String, Option<PathBuf>)>,
}

/// Restores the lost or damaged files in `dir` from the backup `from`. The folder must not exist, be empty, or be of
/// the same CA. From a backup from before a change of the CA's key, only lost former keys are restored into a folder that
/// has the change, if the rest of it is sound.
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
    let (about, anchor, entries) = archive::read(from, ledger)?;
    let created = check_backup(from, &about, &anchor, &entries, options.passphrase)?;
    let planned = plan(dir, &anchor, &entries, options);
    let (Plan { owner, kept, lost }, entries) = match planned {
        Ok(plan) => (plan, entries),
        Err(refused @ StateError::BeforeRollover { .. }) if !options.replace => {
            plan_former_keys(dir, entries, options.passphrase)?.ok_or(refused)?
        }
        Err(error) => return Err(error),
    };
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
    for (Entry { name, mode, content, .. }, lost) in entries.into_iter().zip(lost).rev() {
        if lost {
            let file = dir.join(&name);
            let aside = files::set_aside(&file).map_err(StateError::io(&file))?;
            files::replace(&file, &content, mode).map_err(StateError::io(&file))?;
            files.push((name, aside));
        }
    }
    let (Owner { issuer_id, fingerprint }, kept_ledger) = (owner, kept.is_some());
    Ok(Restored { issuer_id, fingerprint, created, kept_ledger, certificates, live_tokens, replaced, files })
}

/// Checks that the parts of a backup belong together. Returns its time.
fn check_backup(
    from: &Path,
    about: &About,
    anchor: &Anchor,
    entries: &[Entry],
    passphrase: Option<&Passphrase>,
) -> Result<UnixTime, StateError> {
    let refuse = |what: &str| StateError::no_backup(from, what);
    for Entry { name, key, content, .. } in entries {
        let Some(expected) = *key else { continue };
        match minipki_passphrase::open(content.clone(), passphrase) {
            // Its form is sound. The passphrase may be known to other people only.
            Err(EncryptedKeyError::Locked) => {}
            opened => {
                let key = opened.map_err(|e| StateError::no_backup(from, format_args!("{name}: {e}")))?;
                let key = SignerKind::Portable.load(&key).map_err(|e| StateError::no_backup(from, e))?;
                if key.public_key().fingerprint(Portable::new()) != expected {
                    return Err(refuse("its key and its anchor do not belong together"));
                }
            }
        }
    }
    if anchor.issuer_id().is_none() {
        return Err(refuse("its anchor names no CA"));
    }
    UnixTime::new(about.created).map_err(|_| refuse("its time is after the year 9999"))
}

/// The changes of a restore to a folder.
struct Plan {
    owner: Owner,
    /// The number of certificates in the ledger, if it stays.
    kept: Option<u64>,
    /// For each entry of the backup, whether the file is lost or damaged.
    lost: Vec<bool>,
}

/// Checks that the backup with this `anchor` can be restored into the folder, and finds the files to restore.
fn plan(
    dir: &Path,
    anchor: &Anchor,
    entries: &[Entry],
    options: RestoreOptions<'_>,
) -> Result<Plan, StateError> {
    let issuer_id = anchor.issuer_id().ok_or_else(|| FolderError::BareAnchor(dir.join(ANCHOR_FILE)))?;
    let owner = Owner { issuer_id: issuer_id.into(), fingerprint: anchor.fingerprint() };
    let (has_key, key) = find_key(&dir.join(KEY_FILE), options.passphrase)?;
    let found_anchor = read(&dir.join(ANCHOR_FILE))?;
    let found_anchor = found_anchor.and_then(|text| Anchor::decode(Portable::new(), &text).ok());
    let found = key.or(found_anchor.as_ref().map(Anchor::fingerprint));
    check_not_before(dir, found_anchor.as_ref(), &owner)?;
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
    let mut lost = Vec::new();
    for Entry { name, key, content, .. } in entries {
        let path = dir.join(name);
        lost.push(match (name.as_str(), key) {
            (KEY_FILE, _) => !has_key,
            // A file with another key gets another name.
            (_, Some(expected)) => is_lost(&path, expected, options.passphrase)?,
            (ANCHOR_FILE, _) => found_anchor.as_ref() != Some(anchor),
            _ => read(&path)?.as_deref() != Some(content),
        });
    }
    match kept {
        Some(certificates) if !lost.contains(&true) => {
            Err(StateError::Sound { folder: dir.to_owned(), certificates })
        }
        _ => Ok(Plan { owner, kept, lost }),
    }
}

/// Finds the lost former keys of the sound CA in `dir` in a backup from before a change of its key; `None` if there is
/// none. They are the returned entries, under the names that their files have now.
fn plan_former_keys(
    dir: &Path,
    entries: Vec<Entry>,
    passphrase: Option<&Passphrase>,
) -> Result<Option<(Plan, Vec<Entry>)>, StateError> {
    let Ok(folder) = CaFolder::open(dir) else { return Ok(None) };
    let owner = owner(&folder);
    let (has_key, key) = find_key(&dir.join(KEY_FILE), passphrase)?;
    let Ok(certificates) = minipki_ledger::check_sound(dir, &owner) else { return Ok(None) };
    if !has_key || key.is_some_and(|key| key != owner.fingerprint) {
        return Ok(None);
    }
    let mut found = Vec::new();
    for entry in entries {
        let Some(key) = entry.key.filter(|key| folder.keys().skip(1).any(|former| former == *key)) else {
            continue;
        };
        let name = former_key_file(&key);
        if is_lost(&dir.join(&name), &key, passphrase)? {
            found.push(Entry { name, ..entry });
        }
    }
    let plan = Plan { owner, kept: Some(certificates), lost: vec![true; found.len()] };
    Ok(Some((plan, found)).filter(|(_, found)| !found.is_empty()))
}

/// Whether the file of the former key `expected` is lost or damaged, or has another key.
fn is_lost(path: &Path, expected: &Fingerprint, passphrase: Option<&Passphrase>) -> Result<bool, StateError> {
    let (exists, found) = find_key(path, passphrase)?;
    Ok(!exists || found.is_some_and(|found| found != *expected))
}

/// Whether a file has a sound key, and the key; no key if it stays closed.
fn find_key(path: &Path, passphrase: Option<&Passphrase>) -> Result<(bool, Option<Fingerprint>), StateError> {
    match key_in(path, passphrase) {
        Ok(key) => Ok((key.is_some(), key.map(|key| key.fingerprint(Portable::new())))),
        // The key may be sound. Then the anchor names it.
        Err(error) if error.needs_passphrase() => Ok((true, None)),
        Err(FolderError::Key { source, .. }) if source.is_content() => Ok((false, None)),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a backup from before a change of the key. A lost or damaged ledger or anchor does not name the change.
fn check_not_before(dir: &Path, anchor: Option<&Anchor>, owner: &Owner) -> Result<(), StateError> {
    let backup = owner.fingerprint;
    let refuse = |present| Err(StateError::BeforeRollover { folder: dir.to_owned(), present, backup });
    let keys = minipki_ledger::issuer_keys_of(dir).ok().flatten().unwrap_or_default();
    match (keys.last(), anchor) {
        (Some(present), _) if is_former(&keys, &backup) => refuse(present.fingerprint),
        (_, Some(anchor)) if anchor.fingerprint() != backup && anchor.has_key(&backup) => {
            refuse(anchor.fingerprint())
        }
        _ => Ok(()),
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
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
    match files::read_bytes(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        // Too long, or no regular file: it is damaged.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput) => {
            Ok(Some(Zeroizing::default()))
        }
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
                || archive::is_small(&name);
        if !known {
            return Ok(false);
        }
    }
    Ok(true)
}
