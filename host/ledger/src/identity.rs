//! Whose ledger it is, and which copy of it: what the ledger says of itself, and the note that the last start has left
//! outside it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::StoreError;
use minipki_os::files;

/// The CA that a ledger belongs to. A ledger is made for one, and refused by any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The CA's name.
    pub issuer_id: IdBuf,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.issuer_id, self.fingerprint)
    }
}

/// The CA that the ledger says it belongs to.
pub(super) fn owner(connection: &Connection) -> Result<Owner, StoreError> {
    let row: Option<(String, [u8; 32])> = connection
        .query_row("SELECT issuer_id, fingerprint FROM owner", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (issuer_id, fingerprint) = row.ok_or(StoreError::Damaged("table of owners without a row"))?;
    let issuer_id = issuer_id.parse().map_err(|_| StoreError::Damaged("name of its CA"))?;
    Ok(Owner { issuer_id, fingerprint: Fingerprint(fingerprint) })
}

pub(super) fn check_owner(connection: &Connection, path: &Path, expected: &Owner) -> Result<(), StoreError> {
    let found = owner(connection)?;
    if found == *expected {
        return Ok(());
    }
    Err(StoreError::Foreign {
        path: PathBuf::from(path),
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

/// Which copy of a ledger this is, and what it remembers of its own history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// A random number, in hexadecimal digits: another one after each restore.
    pub id: String,
    /// How often the CA has begun and ended to issue from it, or it was restored.
    pub generation: u64,
    /// The newest time that the CA has seen, in seconds since 1970.
    pub latest: u64,
    /// When the last backup began, in seconds since 1970.
    pub backed_up: Option<u64>,
    /// The row of the newest certificate; 0 if there is none.
    pub newest: u64,
}

impl Instance {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let number = i64::unsigned_abs;
        let mut query = connection.prepare_cached(
            "SELECT lower(hex(id)), generation, latest, backed_up,
                 (SELECT coalesce(max(id), 0) FROM certificates) FROM instance",
        )?;
        let found = query.query_row([], |row| {
            Ok(Self {
                id: row.get(0)?,
                generation: number(row.get(1)?),
                latest: number(row.get(2)?),
                backed_up: row.get::<_, Option<i64>>(3)?.map(number),
                newest: number(row.get(4)?),
            })
        });
        found.optional()?.ok_or(StoreError::Damaged("table of instances without a row"))
    }

    /// Raises the generation by one; returns what it is then.
    pub(super) fn raise(connection: &Connection) -> Result<Self, StoreError> {
        connection.execute("UPDATE instance SET generation = generation + 1", [])?;
        Self::read(connection)
    }
}

/// The ledger as the last start, the last certificates and the last stop of the CA have seen it: by it an older copy is
/// noticed. It is in the file `last-start.json`, beside the ledger.
///
/// A start and a stop wait until it is on the disk. A batch of certificates does not, to cost no more time: it is
/// written into the open file, which a process that is killed cannot lose. A crash of the machine can lose what the
/// operating system has not yet written out, on Linux half a minute by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStart {
    /// Checkpoints that have failed since the start.
    pub checkpoints_failed: u64,
    /// The ledger's generation.
    pub generation: u64,
    /// The ledger's instance, in hexadecimal digits.
    pub instance: String,
    /// The row of the newest certificate.
    #[serde(default)]
    pub newest: u64,
    /// The process that serves, or served.
    pub process: u32,
}

impl LastStart {
    /// Its name in the CA folder.
    pub const FILE: &str = "last-start.json";

    /// Reads it; `None` if the CA was never started here, or if the file is not whole.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(Self::FILE);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(&path, e)),
        }
    }

    /// Whether `found`, of the same instance, knows all that this does.
    pub fn is_in(&self, found: &Instance) -> bool {
        self.generation <= found.generation && self.newest <= found.newest
    }

    /// Writes it whole or not at all, and waits for the disk; the file, for [`LastStart::update`].
    pub(super) fn write(&self, folder: &Path) -> Result<File, StoreError> {
        let path = folder.join(Self::FILE);
        let write = || {
            files::replace(&path, self.text().as_bytes(), files::SECRET)?;
            OpenOptions::new().write(true).open(&path)
        };
        write().map_err(|e| StoreError::io(&path, e))
    }

    /// Writes it over an earlier one of the same instance, without waiting for the disk. Its numbers only grow, so it
    /// is no shorter.
    pub(super) fn update(&self, file: &File) -> io::Result<()> {
        file.write_all_at(self.text().as_bytes(), 0)
    }

    fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}
