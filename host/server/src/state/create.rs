//! The creation of a CA. An interrupted creation can be continued at any point.
//!
//! First comes the ledger with the key's fingerprint, then the key, then the anchor. So a ledger without a key is
//! unused and can be made again. A key is never removed: its ledger shows whether it has issued.

use std::fs;
use std::path::Path;

use minipki_core::cert::{FormerKey, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::{self, KeySize};

use super::StateError;
use super::chain::former_keys;
use super::rollover::{finish_locked, is_former};
use minipki_ca::ports::Recorder as _;
use minipki_ca::{IssueError, Publication};
use minipki_keys::{
    ANCHOR_FILE, CaFolder, FolderError, KEY_FILE, NEXT_KEY_FILE, NewKey, PUBLIC_KEY_FILE, is_former_key_file,
};
use minipki_ledger::{Lock, Owner, SqliteRecorder};
use minipki_os::clock;
use minipki_passphrase::Passphrase;

/// A new CA.
pub struct Created {
    /// The folder of the CA.
    pub folder: CaFolder,
    /// Whether the key existed already, after an interrupted creation, or because the anchor was lost.
    pub continued: bool,
}

/// The key that a new CA gets.
pub enum KeyChoice {
    /// A new key of this size.
    Generate(KeySize),
    /// A new key of this size, which another CA will certify for X.509.
    Intermediate(KeySize),
    /// A key that exists already.
    Import(Box<NewKey>),
}

impl KeyChoice {
    /// Whether `key` is the key of this choice, from an interrupted creation.
    fn accepts(&self, key: &rsa::PublicKey) -> bool {
        match self {
            Self::Generate(size) | Self::Intermediate(size) => key.size() == *size,
            Self::Import(new) => key.fingerprint(Portable::new()) == new.fingerprint(),
        }
    }
}

/// [`create_with`] a new key that is not encrypted.
///
/// # Errors
/// As [`create_with`].
pub fn create(path: &Path, issuer_id: IdBuf, size: KeySize) -> Result<Created, StateError> {
    create_with(path, issuer_id, KeyChoice::Generate(size), None)
}

/// [`create_published`] without a choice for its publication.
///
/// # Errors
/// As [`create_published`].
pub fn create_with(
    path: &Path,
    issuer_id: IdBuf,
    choice: KeyChoice,
    passphrase: Option<&Passphrase>,
) -> Result<Created, StateError> {
    create_published(path, issuer_id, choice, None, passphrase)
}

/// Makes a CA in the folder `path`. The folder must not exist, or be empty and private. It can also hold an unfinished
/// CA of the same name, size and publication, which is then completed. Without a `publication`, a new CA has one X.509 list by
/// each key, and no public URL. `passphrase` encrypts a key that is written, and opens a key
/// from an interrupted creation.
///
/// Takes from a tenth of a second to some seconds, depending on the key size and on chance.
///
/// # Errors
/// [`StateError`], [`FolderError::Exists`] for a folder with other files.
pub fn create_published(
    path: &Path,
    issuer_id: IdBuf,
    choice: KeyChoice,
    publication: Option<&Publication>,
    passphrase: Option<&Passphrase>,
) -> Result<Created, StateError> {
    CaFolder::claim(path)?;
    let _lock = Lock::acquire(path)?;
    let key = CaFolder::key_of(path, passphrase)?;
    let continued = key.is_some();
    // Checked before the mode: the error must not advise to make a folder of other files private.
    if !continued && !holds_only_our_files(path).map_err(StateError::io(path))? {
        return Err(FolderError::Exists(path.to_owned()).into());
    }
    CaFolder::check_private(path)?;
    let former = match key {
        Some(key) => {
            let former = check_unfinished(path, &key, &issuer_id, &choice)?;
            if publication.is_some() && publication != minipki_ledger::publication_of(path)?.as_ref() {
                return Err(StateError::OtherPublication(path.to_owned()));
            }
            former
        }
        None => {
            let publication = publication.cloned().unwrap_or_default();
            begin(path, &issuer_id, choice, &publication, passphrase).map(|()| Vec::new())?
        }
    };
    let folder = CaFolder::finish(path, issuer_id, &former, passphrase)?;
    // The anchor may have been lost during a change of the key.
    let folder = if continued { finish_locked(folder)?.folder } else { folder };
    Ok(Created { folder, continued })
}

fn begin(
    path: &Path,
    issuer_id: &IdBuf,
    choice: KeyChoice,
    publication: &Publication,
    passphrase: Option<&Passphrase>,
) -> Result<(), StateError> {
    minipki_ledger::discard_unused(path)?;
    let is_intermediate = matches!(choice, KeyChoice::Intermediate(_));
    let key = match choice {
        KeyChoice::Generate(size) | KeyChoice::Intermediate(size) => NewKey::generate(size)?,
        KeyChoice::Import(key) => *key,
    };
    let (issuer_id, fingerprint) = (issuer_id.clone(), key.fingerprint());
    let owner = Owner { issuer_id, fingerprint };
    minipki_ledger::create_with(path, &owner, publication)?;
    if is_intermediate {
        // Before the key: nothing is issued in X.509 without the chain.
        let mut recorder = SqliteRecorder::open(path, &owner, clock::now()?)?;
        recorder.set_chain(fingerprint, None).map_err(IssueError::from)?;
    }
    Ok(key.write(path, passphrase)?)
}

/// Checks that the folder has the unfinished CA of this name and key. Returns the former keys of the CA: only its anchor
/// may be lost.
fn check_unfinished(
    path: &Path,
    key: &rsa::PublicKey,
    issuer_id: &IdBuf,
    choice: &KeyChoice,
) -> Result<Vec<FormerKey>, StateError> {
    let fingerprint = key.fingerprint(Portable::new());
    let keys = minipki_ledger::issuer_keys_of(path)?.unwrap_or_default();
    match minipki_ledger::owner_of(path)? {
        None => Err(FolderError::KeyAlone(path.to_owned()).into()),
        // A change of the key was interrupted too. It is completed later.
        Some(owner) if owner.issuer_id == *issuer_id && is_former(&keys, &fingerprint) => {
            Ok(former_keys(&keys, &fingerprint))
        }
        Some(owner) if owner.fingerprint != fingerprint => Err(minipki_ledger::StoreError::Foreign {
            path: path.join(minipki_ledger::FILE),
            found: owner.to_string(),
            expected: Owner { issuer_id: issuer_id.clone(), fingerprint }.to_string(),
        }
        .into()),
        Some(owner) if owner.issuer_id != *issuer_id || !choice.accepts(key) => Err(FolderError::OtherCa {
            path: path.to_owned(),
            issuer_id: owner.issuer_id,
            bits: key.size().bits(),
        }
        .into()),
        Some(_) => Ok(former_keys(&keys, &fingerprint)),
    }
}

/// The CA whose creation was interrupted, or whose anchor was lost.
pub struct Begun {
    /// Its name.
    pub issuer_id: IdBuf,
    /// The size of its key.
    pub size: KeySize,
}

/// The unfinished CA in the folder `path`; `None` if it has no key or no ledger. `passphrase` opens its key.
///
/// # Errors
/// [`FolderError::Key`]; the error of the ledger.
pub fn begun(path: &Path, passphrase: Option<&Passphrase>) -> Result<Option<Begun>, StateError> {
    let Some(key) = CaFolder::key_of(path, passphrase)? else { return Ok(None) };
    let owner = minipki_ledger::owner_of(path)?;
    Ok(owner.map(|owner| Begun { issuer_id: owner.issuer_id, size: key.size() }))
}

/// Whether [`create`] can begin or continue in the folder `path`.
pub fn can_create(path: &Path) -> bool {
    !path.exists() || holds_only_our_files(path).unwrap_or(false) && !path.join(ANCHOR_FILE).exists()
}

/// Whether all files in a folder can come from an interrupted creation.
fn holds_only_our_files(path: &Path) -> std::io::Result<bool> {
    let ours = [minipki_ledger::FILE, KEY_FILE, NEXT_KEY_FILE, PUBLIC_KEY_FILE, ANCHOR_FILE];
    let suffixes = ["", "-wal", "-shm", "-journal", ".part"];
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let known = name.to_str().is_some_and(|name| {
            let is_ours = |ours| name.strip_prefix(ours).is_some_and(|rest| suffixes.contains(&rest));
            ours.into_iter().any(is_ours) || is_former_key_file(name.trim_end_matches(".part"))
        });
        if !known {
            return Ok(false);
        }
    }
    Ok(true)
}
