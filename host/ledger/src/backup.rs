//! Backups of the ledger while other processes use it, and their restore into a folder.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use minipki_core::time::UnixTime;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, TransactionBehavior};

use super::files::set_aside;
use super::identity::{self, Instance, LastStart, Owner};
use super::{FILE, SqliteReader, StoreError, open, owner, publication, revocations, schema};
use minipki_ca::Publication;
use minipki_ca::ports::IssuerKey;
use minipki_os::files;

/// Copies the ledger of `owner` in `folder` at one point in time, also while a CA issues from it. Records the time of
/// the backup, unless the ledger is read-only or its disk is full. Does not change the schema of an older ledger.
///
/// The copy is made in the new file `name`. It is returned as an open file without a name, so that nobody can exchange
/// or remove it.
///
/// # Errors
/// [`StoreError`] of the ledger, or of the disk of `name`.
pub fn snapshot(folder: &Path, owner: &Owner, name: &Path, now: UnixTime) -> Result<File, StoreError> {
    let noted = open::open_any(folder, owner, false).and_then(|(connection, schema)| {
        let noted = match schema {
            schema::INSTANCE.. => {
                connection.execute("UPDATE instance SET backed_up = ?1", [now.get() as i64])
            }
            _ => Ok(0),
        };
        noted.map(|_| connection).map_err(StoreError::from).map_err(|e| e.at(&folder.join(FILE)))
    });
    match noted {
        Ok(connection) => {
            let copied = copy(&connection, name)?;
            // A ledger never gets an earlier owner back. So the copy has this owner too.
            let path = folder.join(FILE);
            owner::check_owner(&connection, &path, owner).map_err(|e| e.at(&path))?;
            Ok(copied)
        }
        Err(StoreError::ReadOnly { .. } | StoreError::Full) => {
            copy(SqliteReader::open(folder, owner)?.connection(), name)
        }
        Err(error) => Err(error),
    }
}

fn copy(connection: &Connection, name: &Path) -> Result<File, StoreError> {
    // SQLite accepts an empty file as a new one.
    let file = files::create_new(name, files::SECRET).map_err(|e| StoreError::io(name, e))?;
    let text = ToSqlOutput::Borrowed(ValueRef::Text(name.as_os_str().as_bytes()));
    let copied = connection.execute("VACUUM INTO ?1", [text]);
    let removed = files::remove(name);
    copied.map_err(|e| match StoreError::from(e) {
        // Only the copy is written.
        StoreError::Full => StoreError::io(name, ErrorKind::StorageFull.into()),
        error => error.in_ledger(connection),
    })?;
    removed.map_err(|e| StoreError::io(name, e))?;
    Ok(file)
}

/// A ledger from a backup, checked and prepared, before its installation.
pub struct Restoring {
    folder: PathBuf,
    from: PathBuf,
    instance: Instance,
    revocations: u64,
    /// The number of certificates.
    pub certificates: u64,
    /// The number of tokens that could still be used. They are revoked now, unless they were kept.
    pub live_tokens: u64,
}

impl Restoring {
    /// Checks the ledger of `owner` in the file `from`, which is in `folder`. Makes it a new instance with a higher
    /// generation, and skips a million revocation numbers. Revokes all tokens that can still be used, unless
    /// `keep_tokens`: some of them may have been used since the backup.
    ///
    /// # Errors
    /// [`StoreError`] for a ledger that fails a check.
    pub fn prepare(
        folder: &Path,
        from: &Path,
        owner: &Owner,
        now: UnixTime,
        keep_tokens: bool,
    ) -> Result<Self, StoreError> {
        let (folder, from) = (folder.to_owned(), from.to_owned());
        let prepared = change(&from, owner, now, keep_tokens).map_err(|e| e.at(&from));
        let (instance, revocations, certificates, live_tokens) = prepared?;
        Ok(Self { folder, from, instance, revocations, certificates, live_tokens })
    }

    /// Installs the ledger in the folder. An earlier ledger is kept under another name, which is returned. After a
    /// crash, the folder has the old ledger, no ledger, or this one, and never the write-ahead log of another ledger.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn install(self) -> Result<Option<PathBuf>, StoreError> {
        let Self { folder, from, instance, revocations, .. } = self;
        let path = folder.join(FILE);
        let replaced = set_aside(&folder)?;
        // `last-start.json` describes the earlier ledger.
        let last = folder.join(LastStart::FILE);
        files::remove(&last).map_err(|e| StoreError::io(&last, e))?;
        fs::rename(&from, &path).map_err(|e| StoreError::io(&path, e))?;
        files::sync_folder(&folder).map_err(|e| StoreError::io(&folder, e))?;
        LastStart {
            checkpoints_failed: 0,
            generation: instance.generation,
            instance: instance.id,
            newest: instance.newest,
            process: std::process::id(),
            revocations,
        }
        .write(&folder)?;
        Ok(replaced)
    }
}

fn change(
    path: &Path,
    owner: &Owner,
    now: UnixTime,
    keep_tokens: bool,
) -> Result<(Instance, u64, u64, u64), StoreError> {
    let mut connection = Connection::open(path)?;
    if schema::check_kind(&connection.transaction()?, path)? == 0 {
        return Err(StoreError::Missing { path: path.to_owned(), what: "is empty" });
    }
    owner::check_owner(&connection, path, owner)?;
    schema::migrate(&mut connection, path, owner, &Publication::default())?;
    open::quick_check(&mut connection, path)?;
    let live = "expires >= ?1 AND spent_on IS NULL AND revoked IS NULL";
    let now = now.get() as i64;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let count = |sql: &str, parameters: &[i64]| {
        transaction.query_row(sql, rusqlite::params_from_iter(parameters), |row| row.get::<_, i64>(0))
    };
    let certificates = count("SELECT count(*) FROM certificates", &[])?;
    let tokens = count(&format!("SELECT count(*) FROM tokens WHERE {live}"), &[now])?;
    if !keep_tokens {
        transaction.execute(&format!("UPDATE tokens SET revoked = ?1 WHERE {live}"), [now])?;
    }
    transaction.execute("UPDATE instance SET id = randomblob(16)", [])?;
    // The lost ledger may have used the next revocation numbers.
    revocations::skip(&transaction)?;
    let (instance, revocations) = (Instance::raise(&transaction)?, revocations::number(&transaction)?);
    transaction.commit()?;
    connection.close().map_err(|(_, e)| e)?;
    Ok((instance, revocations, certificates.unsigned_abs(), tokens.unsigned_abs()))
}

/// Checks that the CA of `owner` can issue from the ledger in `folder`. Returns the number of certificates.
///
/// # Errors
/// [`StoreError`] for a ledger that fails a check.
pub fn check_sound(folder: &Path, owner: &Owner) -> Result<u64, StoreError> {
    let (mut connection, _) = open::open_any(folder, owner, false)?;
    let path = folder.join(FILE);
    let read = |connection: &mut Connection| -> Result<i64, StoreError> {
        open::keep_log(connection)?;
        open::quick_check(connection, &path)?;
        Ok(connection.query_row("SELECT count(*) FROM certificates", [], |row| row.get(0))?)
    };
    read(&mut connection).map(i64::unsigned_abs).map_err(|e| e.at(&path))
}

/// The CA of the ledger in `folder`; `None` without a ledger, or for an empty one.
///
/// # Errors
/// [`StoreError`] for a file that is not a ledger.
pub fn owner_of(folder: &Path) -> Result<Option<Owner>, StoreError> {
    read_any(folder, |connection, _| identity::owner(connection))
}

/// The keys of the CA of the ledger in `folder`, the oldest first; `None` without a ledger, or for an empty one. Any owner
/// may ask. A ledger of an older schema has one key, and is not changed.
///
/// # Errors
/// [`StoreError`] for a file that is not a ledger.
pub fn issuer_keys_of(folder: &Path) -> Result<Option<Vec<IssuerKey>>, StoreError> {
    read_any(folder, owner::keys)
}

/// The publication of the CA of the ledger in `folder`; `None` without a ledger, or for an empty one. Any owner may ask.
///
/// # Errors
/// [`StoreError`] for a file that is not a ledger.
pub fn publication_of(folder: &Path) -> Result<Option<Publication>, StoreError> {
    read_any(folder, |connection, found| match found {
        ..schema::PUBLICATION => Ok(Publication::default()),
        _ => publication::read(connection),
    })
}

/// Reads the ledger in `folder` with `read`, which gets its schema too; `None` without a ledger, or for an empty one.
/// Nothing but the schema is checked, and the ledger is not changed.
fn read_any<T>(
    folder: &Path,
    read: impl FnOnce(&Connection, i32) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let path = folder.join(FILE);
    let read = || match open::connect_to_read(&path)? {
        (_, 0) => Ok(None),
        (connection, found) => read(&connection, found).map(Some),
    };
    match fs::metadata(&path) {
        Ok(about) if about.len() > 0 => read().map_err(|e: StoreError| e.at(&path)),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StoreError::io(&path, e)),
    }
}
