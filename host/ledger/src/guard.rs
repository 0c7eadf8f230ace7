//! The checks at each commit of the CA that issues.
//!
//! - No other CA process was started on the ledger: the generation is unchanged. This does not depend on the lock.
//! - The commit is in the files at their paths: nobody has removed, moved or overwritten them.
//! - The write-ahead log does not grow without limit.
//! - The newest certificate and the newest revocation are recorded outside the ledger too, so that the next start
//!   detects an older copy.
//! - The newest time is in the ledger, so that the CA detects a clock that was set back.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use miette::Diagnostic;
use minipki_core::time::UnixTime;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tracing::field::display;

use super::files::companion;
use super::identity::{Instance, LastStart};
use super::open::{checkpoint, time};
use super::{FILE, StoreError, revocations};

/// The length of the write-ahead log before a checkpoint, in pages of 4 KiB. A checkpoint writes each page once, also
/// if it has changed many times.
const LOG: i32 = 4096;

/// The time that the clock can be behind the newest time in the ledger, in seconds, for small corrections of the clock.
const TOLERANCE: u64 = 5 * 60;

/// The age of the recorded newest time before it is recorded again, in seconds.
const STALE: u64 = 60;

/// 2025-01-01. A clock that shows an earlier time was never set.
const FIRST: u64 = 1_735_689_600;

/// The time limit for the last checkpoint, which waits for readers of the ledger.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The identity and the state of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// The file at `path`; `None` if there is none.
    fn of(path: &Path) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        Some(Self {
            device: about.dev(),
            inode: about.ino(),
            length: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
        })
    }

    const fn is_same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

/// The conditions under which one process issues from one ledger.
pub(super) struct Guard {
    folder: PathBuf,
    instance: Instance,
    /// The newest time of the clock. The recorded time can be older.
    latest: u64,
    /// The ledger, its write-ahead log, and the index of the log.
    files: [(PathBuf, Stamp); 3],
    /// The length of the write-ahead log after the last commit, in pages.
    pages: Arc<AtomicI32>,
    /// The length at the next checkpoint, in pages.
    checkpoint_at: i32,
    /// The note outside the ledger, and its open file.
    last: LastStart,
    last_file: File,
    /// Whether the last checkpoint has failed.
    failing: bool,
    /// Whether the clock is behind, and this was logged.
    clock_warned: bool,
    /// Whether the files are unchanged, and the generation is ours.
    sound: bool,
}

impl Guard {
    /// Begins a generation of the ledger that `connection` has open.
    pub(super) fn begin(folder: &Path, connection: &mut Connection) -> Result<Self, StoreError> {
        // Symbolic links are not resolved: a changed link exchanges the files too.
        let folder = std::path::absolute(folder).map_err(|e| StoreError::io(folder, e))?;
        let path = folder.join(FILE);
        if fs::metadata(&path).map_err(|e| StoreError::io(&path, e))?.nlink() > 1 {
            return Err(StoreError::Linked(path));
        }
        // SQLite keeps its other files beside the target of a link.
        let real = PathBuf::from(connection.path().unwrap_or(FILE));
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let instance = Instance::raise(&transaction)?;
        let revocations = revocations::number(&transaction)?;
        transaction.commit()?;
        // After a write, all three files exist, and stay as long as the connection.
        let stamp = |path: PathBuf| match Stamp::of(&path) {
            Some(stamp) => Ok((path, stamp)),
            None => Err(StoreError::Exchanged { path, what: "was removed" }),
        };
        let files = [stamp(path)?, stamp(companion(&real, "-wal"))?, stamp(companion(&real, "-shm"))?];
        let latest = instance.latest;
        let last = LastStart {
            checkpoints_failed: 0,
            generation: instance.generation,
            instance: instance.id.clone(),
            newest: instance.newest,
            process: std::process::id(),
            revocations,
        };
        let last_file = last.write(&folder)?;
        Ok(Self {
            folder,
            instance,
            latest,
            files,
            pages,
            checkpoint_at: LOG,
            last,
            last_file,
            failing: false,
            clock_warned: false,
            sound: true,
        })
    }

    fn path(&self) -> &Path {
        &self.files[0].0
    }

    /// Records outside the ledger that the row `newest` and the change with the number `revocations` are committed.
    pub(super) fn record_newest(&mut self, newest: u64, revocations: u64) {
        self.last.newest = newest;
        self.record_revocations(revocations);
    }

    /// Records outside the ledger that the change with the number `revocations` is committed.
    pub(super) fn record_revocations(&mut self, revocations: u64) {
        self.last.revocations = revocations;
        // A failure is harmless: the ledger itself is on the disk.
        let _ = self.last.update(&self.last_file);
    }

    /// Checks the clock at a start, and records its time.
    pub(super) fn start_at(
        &mut self,
        connection: &Connection,
        now: UnixTime,
        accept: bool,
    ) -> Result<(), StoreError> {
        match check_clock(self.path(), self.latest, now) {
            Err(StoreError::ClockBehind { .. }) if accept => self.latest = now.get(),
            checked => checked?,
        }
        self.latest = self.latest.max(now.get());
        self.record_latest(connection)
    }

    fn record_latest(&mut self, connection: &Connection) -> Result<(), StoreError> {
        connection
            .prepare_cached("UPDATE instance SET latest = ?1")?
            .execute([i64::try_from(self.latest).unwrap_or(i64::MAX)])?;
        self.instance.latest = self.latest;
        Ok(())
    }

    /// The later of `now` and the newest time: the time for the expiry of tokens.
    pub(super) fn newest_time(&self, now: UnixTime) -> UnixTime {
        now.max(time(self.latest))
    }

    /// The checks before `transaction` changes anything, at the time `now` if there is one.
    pub(super) fn check_before(
        &mut self,
        transaction: &Transaction<'_>,
        now: Option<UnixTime>,
    ) -> Result<(), StoreError> {
        // Checked before the commit, which could bring a shortened log back to its old length.
        self.check_files(transaction)?;
        let found = Instance::read(transaction)?;
        if (found.generation, &found.id) != (self.instance.generation, &self.instance.id) {
            self.sound = false;
            return Err(StoreError::Superseded(self.path().to_owned()));
        }
        let Some(now) = now.map(UnixTime::get) else { return Ok(()) };
        let behind = now + TOLERANCE < self.latest;
        if behind && !self.clock_warned {
            tracing::warn!(
                now = %time(now),
                latest = %time(self.latest),
                "the machine's clock was set back: new certificates begin at `now`, and tokens expire by `latest`"
            );
        }
        self.clock_warned = behind;
        self.latest = self.latest.max(now);
        if self.latest >= self.instance.latest + STALE { self.record_latest(transaction) } else { Ok(()) }
    }

    /// Checks that the commit of `connection` is in the files at their paths. Then does a checkpoint if the write-ahead
    /// log is long.
    pub(super) fn check_after(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.check_files(connection)?;
        if self.pages.load(Ordering::Relaxed) >= self.checkpoint_at {
            self.checkpoint(connection);
        }
        Ok(())
    }

    /// Checks that the open files are the files at their paths. Needed before each use of the ledger too: SQLite maps
    /// the index into memory, and access to a shortened index would kill the process.
    ///
    /// # Errors
    /// [`StoreError::Exchanged`].
    pub(super) fn check_files(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let compared = self.compare_files();
        if compared.is_err() {
            self.sound = false;
            self.keep_log(connection);
        }
        compared
    }

    fn compare_files(&mut self) -> Result<(), StoreError> {
        let changed = |path: &Path, what| Err(StoreError::Exchanged { path: path.to_owned(), what });
        for (number, (path, known)) in self.files.iter_mut().enumerate() {
            let Some(found) = Stamp::of(path) else { return changed(path, "was removed or moved away") };
            if !found.is_same_file(known) {
                return changed(path, "was exchanged for another file");
            }
            // Only our checkpoints write to the ledger itself. The other files never become shorter.
            if number == 0 && found != *known || found.length < known.length {
                return changed(path, "was changed by another program");
            }
            *known = found;
        }
        Ok(())
    }

    /// Prevents SQLite from writing the log into the wrong ledger, so that both can still be examined. If only the path
    /// of the log is gone, SQLite may write it back: otherwise its content would be lost.
    fn keep_log(&self, connection: &Connection) {
        let [(ledger, known), _, (index, known_index)] = &self.files;
        let whole = Stamp::of(ledger) == Some(*known)
            && Stamp::of(index)
                .is_some_and(|found| found.is_same_file(known_index) && found.length >= known_index.length);
        if !whole {
            // Nothing more can be done if this fails too.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    /// Writes as much of the write-ahead log back as possible, without waiting for readers.
    fn checkpoint(&mut self, connection: &Connection) {
        let written = checkpoint(connection, "PASSIVE");
        if let Some(stamp) = Stamp::of(self.path()) {
            self.files[0].1 = stamp;
        }
        // After a complete checkpoint the log starts again at the next commit. Otherwise a reader needs some pages, or
        // the disk has failed: the next try is after a quarter of `LOG` more.
        let pages = self.pages.load(Ordering::Relaxed);
        self.checkpoint_at = match written {
            Ok((log, done)) if log == done => LOG,
            _ => pages + LOG / 4,
        };
        match written {
            Ok(_) if self.failing => {
                tracing::info!("the ledger's write-ahead log can be written back again");
                self.failing = false;
            }
            Ok(_) => {}
            Err(error) => {
                self.last.checkpoints_failed += 1;
                if !self.failing {
                    tracing::warn!(
                        %error,
                        log_pages = pages,
                        failures = self.last.checkpoints_failed,
                        "the ledger's write-ahead log could not be written back, and grows; check the disk"
                    );
                }
                self.failing = true;
                // `ca check` shows the count. This write can fail on a full disk.
                let _ = self.last.update(&self.last_file);
            }
        }
    }

    /// Ends the generation in order. A failure is logged, and the next start repairs it.
    pub(super) fn end(&mut self, connection: &mut Connection) {
        if !self.sound {
            return;
        }
        if let Err(error) = self.try_end(connection) {
            let error = error.at(self.path());
            let next = error.help().map(display);
            tracing::warn!(%error, next, "the ledger was not closed properly; nothing is lost");
        }
    }

    fn try_end(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.busy_timeout(CLOSE_TIMEOUT)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.check_before(&transaction, None)?;
        self.record_latest(&transaction)?;
        self.instance = Instance::raise(&transaction)?;
        // Other processes may have revoked certificates since the last batch.
        self.last.revocations = revocations::number(&transaction)?;
        transaction.commit()?;
        self.last.generation = self.instance.generation;
        self.last.write(&self.folder)?;
        checkpoint(connection, "TRUNCATE")?;
        Ok(())
    }
}

/// Checks the machine's clock against the newest time in the ledger at `path`.
pub(super) fn check_clock(path: &Path, latest: u64, now: UnixTime) -> Result<(), StoreError> {
    if now.get() < FIRST {
        return Err(StoreError::ClockUnset(now));
    }
    if now.get() + TOLERANCE < latest {
        return Err(StoreError::ClockBehind { path: path.to_owned(), now, latest: time(latest) });
    }
    Ok(())
}
