//! Making a ledger, and opening it to issue, to write or to read. Each function refuses any file that is not the ledger
//! of the folder, and makes a ledger only on demand.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use minipki_core::time::UnixTime;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::files::{COMPANIONS, companion, set_aside};
use super::identity::{Instance, LastStart, Owner};
use super::schema::{self, CURRENT};
use super::{FILE, StoreError, owner, revocations};
use minipki_ca::Publication;
use minipki_os::files;

/// The time limit for another process's transaction.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before the next try where SQLite does not wait by itself.
const PAUSE: Duration = Duration::from_millis(5);

/// The time limit for the check of the structure at a start. In this time the check reads about 200,000 certificates
/// (430 MB in memory). It checks the first part of a larger ledger.
const CHECK: Duration = Duration::from_secs(2);

/// Exceptions that the operator accepts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accept {
    /// Whether a missing ledger is accepted. An empty one is made.
    pub empty_ledger: bool,
    /// Whether a ledger is accepted that is not the one that was served last.
    pub older_ledger: bool,
    /// Whether a clock behind the newest time in the ledger is accepted.
    pub clock: bool,
}

/// [`create_with`] one list of revoked certificates, and without a public URL.
///
/// # Errors
/// As [`create_with`].
pub fn create(folder: &Path, owner: &Owner) -> Result<(), StoreError> {
    create_with(folder, owner, &Publication::default())
}

/// Makes the ledger of `owner` in `folder`, or completes an interrupted creation.
///
/// # Errors
/// [`StoreError::Exists`] if there is a ledger.
pub fn create_with(folder: &Path, owner: &Owner, publication: &Publication) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    match files::create_new(&path, files::SECRET) {
        Ok(file) => file.sync_all().map_err(|e| StoreError::io(&path, e))?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => check_mode(&path)?,
        Err(e) => return Err(StoreError::io(&path, e)),
    }
    files::sync_folder(folder).map_err(|e| StoreError::io(folder, e))?;
    make(&path, owner, publication).map_err(|e| e.at(&path))
}

fn make(path: &Path, owner: &Owner, publication: &Publication) -> Result<(), StoreError> {
    let mut connection = connect(path)?;
    if schema::check_kind(&connection.transaction()?, path)? != 0 {
        return Err(StoreError::Exists(path.to_owned()));
    }
    prepare_to_write(&connection)?;
    schema::migrate(&mut connection, path, owner, publication)
}

/// Opens the ledger of `owner` in `folder` to issue, and migrates an older one. The caller holds the folder's lock.
pub(super) fn open_to_issue(folder: &Path, owner: &Owner, accept: Accept) -> Result<Connection, StoreError> {
    let path = folder.join(FILE);
    let opened = match open_any(folder, owner, accept.older_ledger) {
        Err(StoreError::Missing { .. }) if accept.empty_ledger => {
            set_aside(folder)?;
            create(folder, owner)?;
            open_any(folder, owner, true).and_then(renumber)
        }
        opened => opened,
    };
    let (mut connection, found) = opened?;
    if found < CURRENT {
        tracing::info!(
            found,
            current = CURRENT,
            "migrating the ledger to the current schema; a large ledger takes minutes"
        );
        schema::migrate(&mut connection, &path, owner, &Publication::default()).map_err(|e| e.at(&path))?;
        // The log holds the whole ledger now. Pages that a reader needs are written back later.
        let _ = checkpoint(&connection, "TRUNCATE");
        tracing::info!("the ledger has the current schema");
    }
    if accept.older_ledger && check_last(folder, &path, &connection, CURRENT).is_err() {
        revocations::skip(&connection).map_err(|e| e.at(&path))?;
    }
    Ok(connection)
}

/// Begins the revocation numbers of an empty ledger at the seconds since 1970: more than a lost ledger can have used.
fn renumber((connection, schema): (Connection, i32)) -> Result<(Connection, i32), StoreError> {
    let done = connection.execute("UPDATE instance SET revocation_number = unixepoch()", []);
    done.map_err(|e| StoreError::from(e).in_ledger(&connection))?;
    Ok((connection, schema))
}

/// Opens the ledger of `owner` in `folder` for writes that do not need the lock.
pub(super) fn open_to_write(folder: &Path, owner: &Owner) -> Result<Connection, StoreError> {
    match open_any(folder, owner, false)? {
        (_, found) if found < CURRENT => {
            Err(StoreError::Older { path: folder.join(FILE), found, known: CURRENT })
        }
        (connection, _) => Ok(connection),
    }
}

/// Opens the ledger of `owner` in `folder` to write, without a migration. Returns its schema too.
pub(super) fn open_any(
    folder: &Path,
    owner: &Owner,
    accept_older: bool,
) -> Result<(Connection, i32), StoreError> {
    let path = folder.join(FILE);
    match write(folder, &path, owner, accept_older) {
        // SQLite writes files beside the ledger even to read it.
        Err(StoreError::Sqlite(e)) if is_refusal(&e) && is_read_only(&path) => {
            Err(StoreError::ReadOnly { path })
        }
        opened => opened.map_err(|e| e.at(&path)),
    }
}

fn write(
    folder: &Path,
    path: &Path,
    owner: &Owner,
    accept_older: bool,
) -> Result<(Connection, i32), StoreError> {
    check_mode(path)?;
    check_content(path)?;
    let mut connection = connect(path)?;
    // Checked before any change: this may be the file of another program.
    let found = schema::check_kind(&connection.transaction()?, path)?;
    if found == 0 {
        return Err(StoreError::Missing { path: path.to_owned(), what: "is empty" });
    }
    owner::check_owner(&connection, path, owner)?;
    if connection.is_readonly("main")? {
        return Err(StoreError::ReadOnly { path: path.to_owned() });
    }
    prepare_to_write(&connection)?;
    if !accept_older {
        check_last(folder, path, &connection, found)?;
    }
    Ok((connection, found))
}

/// Writes the write-ahead log back. Returns its number of pages, and how many of them are written back.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    connection.query_row(&sql, [], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(TIMEOUT)?;
    Ok(connection)
}

fn prepare_to_write(connection: &Connection) -> Result<(), StoreError> {
    log_ahead(connection)?;
    // FULL: a commit in WAL mode is on the disk when it returns.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Only the CA that issues writes to the ledger's own file, so it can detect writes of another program.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Query plans that do not depend on values, so that statements are not compiled again for each value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Puts the database into WAL mode. SQLite does not wait here for a process that makes the same ledger at the same
/// time, so this function waits.
fn log_ahead(connection: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < deadline => {
                thread::sleep(PAUSE);
            }
            done => return Ok(done?),
        }
    }
}

/// Compares the ledger with the note of the last start.
fn check_last(folder: &Path, path: &Path, connection: &Connection, schema: i32) -> Result<(), StoreError> {
    let Some(last) = LastStart::read(folder)? else { return Ok(()) };
    if schema < schema::INSTANCE {
        return Err(StoreError::NotTheLast { path: path.to_owned(), found: "an older copy of it" });
    }
    let found = Instance::read(connection)?;
    if last.instance != found.id {
        return Err(StoreError::NotTheLast { path: path.to_owned(), found: "another one of the same CA" });
    }
    let revocations = if schema < schema::REVOCATIONS { 0 } else { revocations::number(connection)? };
    if !last.is_in(&found) || last.revocations > revocations {
        return Err(StoreError::NotTheLast { path: path.to_owned(), found: "an older copy of it" });
    }
    Ok(())
}

/// Checks the structure of the ledger, with the time limit of a start.
pub(super) fn quick_check(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let deadline = Instant::now() + CHECK;
    connection.progress_handler(10_000, Some(move || Instant::now() > deadline))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(text) if text == "ok" => Ok(()),
        Ok(detail) => Err(StoreError::Corrupt { path: path.to_owned(), detail }),
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::info!(
                seconds = CHECK.as_secs(),
                "the ledger is too large for a complete check at a start; `minipki ca check` does one"
            );
            Ok(())
        }
        Err(e) => Err(e.into()),
    }
}

/// Opens the ledger of `owner` in `folder` to read.
pub(super) fn open_to_read(folder: &Path, owner: &Owner) -> Result<Connection, StoreError> {
    let path = folder.join(FILE);
    read(&path, owner).map_err(|e| e.at(&path))
}

fn read(path: &Path, owner: &Owner) -> Result<Connection, StoreError> {
    check_mode(path)?;
    check_content(path)?;
    let (connection, found) = connect_to_read(path)?;
    if found == 0 {
        return Err(StoreError::Missing { path: path.to_owned(), what: "is empty" });
    }
    owner::check_owner(&connection, path, owner)?;
    if found < CURRENT {
        return Err(StoreError::Older { path: path.to_owned(), found, known: CURRENT });
    }
    Ok(connection)
}

pub(super) fn connect_to_read(path: &Path) -> Result<(Connection, i32), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |name: &OsStr, flags| -> Result<_, StoreError> {
        let mut connection = Connection::open_with_flags(name, flags)?;
        connection.busy_timeout(TIMEOUT)?;
        let found = schema::check_kind(&connection.transaction()?, path)?;
        Ok((connection, found))
    };
    match open(path.as_os_str(), flags) {
        Err(StoreError::Sqlite(e)) if is_refusal(&e) && is_read_only(path) => {}
        Err(StoreError::Sqlite(e)) if is_refusal(&e) => return connect_exclusively(path),
        Err(StoreError::Full) => return connect_exclusively(path),
        opened => return opened,
    }
    // To read in WAL mode, SQLite writes an index beside the ledger. Nobody can do that in a read-only folder, so the
    // ledger does not change. But it must be complete without its log.
    if fs::metadata(companion(path, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::Unfolded { path: path.to_owned() });
    }
    open(&immutable(path), flags | OpenFlags::SQLITE_OPEN_URI)
}

/// Opens a ledger to read with write access and an exclusive lock. This is needed on a full disk, and to undo an
/// interrupted change. SQLite keeps the index of the write-ahead log in memory, so it needs no disk space, and other
/// processes wait meanwhile (<https://www.sqlite.org/wal.html#use_of_wal_without_shared_memory>).
fn connect_exclusively(path: &Path) -> Result<(Connection, i32), StoreError> {
    let mut connection = connect(path)?;
    keep_log(&connection)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let found = schema::check_kind(&connection.transaction()?, path)?;
    Ok((connection, found))
}

/// Prevents a checkpoint when `connection` is closed, so that a read does not change the ledger.
pub(super) fn keep_log(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

fn is_refusal(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Whether this process cannot make files beside `path`.
fn is_read_only(path: &Path) -> bool {
    rustix::fs::access(files::folder_of(path), rustix::fs::Access::WRITE_OK).is_err()
}

/// The URI of a database that does not change (<https://www.sqlite.org/uri.html>).
fn immutable(path: &Path) -> std::ffi::OsString {
    let mut name = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                name.push(char::from(*byte));
            }
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    name.push_str("?immutable=1");
    name.into()
}

fn check_mode(path: &Path) -> Result<(), StoreError> {
    match files::mode(path) {
        Ok(mode) if files::is_private(mode) => Ok(()),
        Ok(mode) => Err(StoreError::Mode { path: path.to_owned(), mode }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::Missing { path: path.to_owned(), what: "does not exist" })
        }
        Err(e) => Err(StoreError::io(path, e)),
    }
}

/// Refuses an empty file before SQLite opens it: SQLite would remove the write-ahead log beside it, which may hold all
/// data.
fn check_content(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path).map_err(|e| StoreError::io(path, e))?.len() {
        0 => Err(StoreError::Missing { path: path.to_owned(), what: "is empty" }),
        // SQLite treats a file that is shorter than the smallest page as empty.
        1..512 => Err(StoreError::Missing { path: path.to_owned(), what: "is too short to be a ledger" }),
        _ => Ok(()),
    }
}

/// Removes the unused ledger of an interrupted `ca init`, of any CA.
///
/// # Errors
/// [`StoreError::Exists`] if the ledger was used or cannot be read.
pub fn discard_unused(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    let used = || StoreError::Exists(path.clone());
    let length = match fs::metadata(&path) {
        Ok(about) => about.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
        Err(e) => return Err(StoreError::io(&path, e)),
    };
    // A log without a ledger may hold all data.
    let log = fs::metadata(companion(&path, "-wal")).map_or(0, |about| about.len());
    if length == 0 && log > 0 {
        return Err(used());
    }
    if length > 0 && !is_unused(&path).map_err(|e| e.at(&path))? {
        return Err(used());
    }
    for suffix in COMPANIONS.iter().chain(&[""]) {
        let name = companion(&path, suffix);
        files::remove(&name).map_err(|e| StoreError::io(&name, e))?;
    }
    files::sync_folder(folder).map_err(|e| StoreError::io(folder, e))
}

fn is_unused(path: &Path) -> Result<bool, StoreError> {
    let mut connection = connect(path)?;
    let found = schema::check_kind(&connection.transaction()?, path)?;
    match found {
        0 => Ok(true),
        CURRENT => {
            let sql = "SELECT NOT EXISTS (SELECT 1 FROM certificates) AND NOT EXISTS (SELECT 1 FROM reserved)
                          AND NOT EXISTS (SELECT 1 FROM tokens) AND (SELECT generation FROM instance) = 0";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        }
        _ => Ok(false),
    }
}

/// A time in the ledger, for a message; 1970 for an invalid number.
pub(super) fn time(seconds: u64) -> UnixTime {
    UnixTime::new(seconds).unwrap_or(UnixTime::MIN)
}
