//! The identity of a ledger: its CA, its instance and generation, and the note of the last start outside it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::StoreError;
use minipki_os::files;

/// The CA of a ledger. Any other CA refuses the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The CA's name.
    pub issuer_id: IdBuf,
    /// SHA-256 of the CA's SubjectPublicKeyInfo.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.issuer_id, self.fingerprint)
    }
}

/// The CA in the table `owner`.
pub(super) fn owner(connection: &Connection) -> Result<Owner, StoreError> {
    let row: Option<(String, [u8; 32])> = connection
        .query_row("SELECT issuer_id, fingerprint FROM owner", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (issuer_id, fingerprint) = row.ok_or(StoreError::Damaged("table of owners without a row"))?;
    let issuer_id = issuer_id.parse().map_err(|_| StoreError::Damaged("name of its CA"))?;
    Ok(Owner { issuer_id, fingerprint: Fingerprint(fingerprint) })
}

/// The identity and the history of one copy of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// A random number in hexadecimal digits. A restore changes it.
    pub id: String,
    /// The number of starts, orderly stops and restores.
    pub generation: u64,
    /// The newest time of the CA's clock, in seconds since 1970.
    pub latest: u64,
    /// The start of the last backup with the present key of the CA, in seconds since 1970.
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

    /// Raises the generation by one. Returns the new state.
    pub(super) fn raise(connection: &Connection) -> Result<Self, StoreError> {
        connection.execute("UPDATE instance SET generation = generation + 1", [])?;
        Self::read(connection)
    }
}

/// A note about the ledger in the file `last-start.json` beside it, written by each start, batch and stop. With it, the
/// next start detects an older copy of the ledger.
///
/// A start and a stop wait until the note is on the disk. A batch only writes to the open file, to save time. A killed
/// process loses nothing. A crash of the machine can lose the writes of the last half minute (the default of Linux).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStart {
    /// The number of failed checkpoints since the start.
    pub checkpoints_failed: u64,
    /// The ledger's generation.
    pub generation: u64,
    /// The ledger's instance, in hexadecimal digits.
    pub instance: String,
    /// The row of the newest certificate.
    #[serde(default)]
    pub newest: u64,
    /// The id of the process that serves, or has served last.
    pub process: u32,
    /// The newest revocation number.
    #[serde(default)]
    pub revocations: u64,
}

impl LastStart {
    /// The name of the file in the CA folder.
    pub const FILE: &str = "last-start.json";

    /// Reads the note. `None` if the CA was never started here, or if the file is not complete.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(Self::FILE);
        match files::read_bytes(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(&path, e)),
        }
    }

    /// Whether `found`, of the same instance, is as new as this note or newer.
    pub fn is_in(&self, found: &Instance) -> bool {
        self.generation <= found.generation && self.newest <= found.newest
    }

    /// Writes the note whole or not at all, and waits for the disk. Returns the file for [`LastStart::update`].
    pub(super) fn write(&self, folder: &Path) -> Result<File, StoreError> {
        let path = folder.join(Self::FILE);
        let write = || {
            files::replace(&path, self.text().as_bytes(), files::SECRET)?;
            OpenOptions::new().write(true).open(&path)
        };
        write().map_err(|e| StoreError::io(&path, e))
    }

    /// Overwrites an earlier note of the same instance, without waiting for the disk. The numbers only grow, so the new
    /// note is never shorter.
    pub(super) fn update(&self, file: &File) -> io::Result<()> {
        file.write_all_at(self.text().as_bytes(), 0)
    }

    fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}
