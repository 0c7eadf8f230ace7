//! What must hold at each commit of the CA that issues, beside the commit itself.
//!
//! - No other CA was started on the same ledger, whatever became of the lock: the generation is still ours.
//! - The commit is in the files at their paths: nobody has removed, moved or overwritten them.
//! - The write-ahead log does not grow without end.
//! - The newest certificate is remembered outside the ledger too: by it, an older copy is noticed at the next start.
//! - The newest time that was seen is in the ledger: by it, a clock that was set back is noticed.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use minipki_core::time::UnixTime;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::files::companion;
use super::identity::{Instance, LastStart};
use super::open::{checkpoint, time};
use super::{FILE, StoreError};

/// How long the write-ahead log may grow, in pages of 4 KiB, before it is written back into the ledger: a page that has
/// changed many times by then is written once.
const LOG: i32 = 4096;

/// How far the clock may be behind the newest time in the ledger, in seconds: clocks are corrected by a little.
const TOLERANCE: u64 = 5 * 60;

/// How old the newest time in the ledger may be before it is recorded again, in seconds.
const STALE: u64 = 60;

/// 2025-01-01. A clock that shows an earlier time was never set.
const FIRST: u64 = 1_735_689_600;

/// How long the end of the CA waits for those who read the ledger, to fold in the write-ahead log.
const CLOSING: Duration = Duration::from_secs(1);

/// A file as it was when it was looked at.
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
    /// The newest time seen, which may be newer than what is recorded of it.
    latest: u64,
    /// The ledger, its write-ahead log, and the index of that.
    files: [(PathBuf, Stamp); 3],
    /// The length of the write-ahead log after the last commit, in pages.
    pages: Arc<AtomicI32>,
    /// At how many pages it is folded in next.
    fold_at: i32,
    /// What is remembered outside the ledger, and the file that it is in.
    last: LastStart,
    last_file: File,
    failing: bool,
    clock_told: bool,
    /// Whether the files are those that were opened, and the ledger is ours.
    sound: bool,
}

impl Guard {
    /// Begins a generation of the ledger that `connection` has open.
    pub(super) fn begin(folder: &Path, connection: &mut Connection) -> Result<Self, StoreError> {
        // Symbolic links are not resolved: a link that is pointed elsewhere exchanges the files too.
        let folder = std::path::absolute(folder).map_err(|e| StoreError::io(folder, e))?;
        let path = folder.join(FILE);
        if fs::metadata(&path).map_err(|e| StoreError::io(&path, e))?.nlink() > 1 {
            return Err(StoreError::Linked(path));
        }
        // SQLite keeps the others beside the file that a link leads to.
        let real = PathBuf::from(connection.path().unwrap_or(FILE));
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let instance = Instance::raise(&transaction)?;
        transaction.commit()?;
        // Now that something was written, all three are there, and stay as long as the connection.
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
        };
        let last_file = last.write(&folder)?;
        Ok(Self {
            folder,
            instance,
            latest,
            files,
            pages,
            fold_at: LOG,
            last,
            last_file,
            failing: false,
            clock_told: false,
            sound: true,
        })
    }

    fn path(&self) -> &Path {
        &self.files[0].0
    }

    /// Remembers outside the ledger that the certificate in the row `newest` is recorded, before it is answered.
    pub(super) fn remember(&mut self, newest: u64) {
        self.last.newest = newest;
        // It is a second witness. The ledger itself is on the disk.
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

    /// The later of `now` and the newest time that was seen: by it, tokens have expired.
    pub(super) fn not_before(&self, now: UnixTime) -> UnixTime {
        now.max(time(self.latest))
    }

    /// Checks what must hold before `transaction` changes anything, at the time `now` if there is one.
    pub(super) fn enter(
        &mut self,
        transaction: &Transaction<'_>,
        now: Option<UnixTime>,
    ) -> Result<(), StoreError> {
        // A log that was cut would have its old length again after this commit.
        self.check_files(transaction)?;
        let found = Instance::read(transaction)?;
        if (found.generation, &found.id) != (self.instance.generation, &self.instance.id) {
            self.sound = false;
            return Err(StoreError::Superseded(self.path().to_owned()));
        }
        let Some(now) = now.map(UnixTime::get) else { return Ok(()) };
        let behind = now + TOLERANCE < self.latest;
        if behind && !self.clock_told {
            tracing::warn!(
                now = %time(now),
                latest = %time(self.latest),
                "the machine's clock was set back: certificates begin at its time; tokens expire by the later one"
            );
        }
        self.clock_told = behind;
        self.latest = self.latest.max(now);
        if self.latest >= self.instance.latest + STALE { self.record_latest(transaction) } else { Ok(()) }
    }

    /// Checks that what `connection` has committed is in the files at their paths, and folds in the write-ahead log if
    /// it has grown.
    pub(super) fn committed(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.check_files(connection)?;
        if self.pages.load(Ordering::Relaxed) >= self.fold_at {
            self.fold(connection);
        }
        Ok(())
    }

    /// Checks that the open files are those at their paths. Called before each use of the ledger too: SQLite reads the
    /// index in its memory, and one that was cut would end the process without a word.
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
        let gone = |path: &Path, what| Err(StoreError::Exchanged { path: path.to_owned(), what });
        for (number, (path, known)) in self.files.iter_mut().enumerate() {
            let Some(found) = Stamp::of(path) else { return gone(path, "was removed or moved away") };
            if !found.is_same_file(known) {
                return gone(path, "was exchanged for another file");
            }
            // Nobody but a checkpoint of ours writes into the ledger itself, and nobody makes the others shorter.
            if number == 0 && found != *known || found.length < known.length {
                return gone(path, "was changed by another program");
            }
            *known = found;
        }
        Ok(())
    }

    /// Keeps SQLite from writing the log into a ledger that is not the one it belongs to: so both can still be
    /// examined. A log whose name alone is gone is written back: that is all that is left of it.
    fn keep_log(&self, connection: &Connection) {
        let [(ledger, known), _, (index, known_index)] = &self.files;
        let whole = Stamp::of(ledger) == Some(*known)
            && Stamp::of(index)
                .is_some_and(|found| found.is_same_file(known_index) && found.length >= known_index.length);
        if !whole {
            // If this fails too, there is nothing more that could be done.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    /// Writes back what it can of the write-ahead log, without waiting for anybody.
    fn fold(&mut self, connection: &Connection) {
        let folded = checkpoint(connection, "PASSIVE");
        if let Some(stamp) = Stamp::of(self.path()) {
            self.files[0].1 = stamp;
        }
        // A log that was folded in whole begins anew with the next commit. Pages that a reader still needs, or that the
        // disk has refused, stay in it: the next try comes after a quarter more.
        let pages = self.pages.load(Ordering::Relaxed);
        self.fold_at = match folded {
            Ok((log, done)) if log == done => LOG,
            _ => pages + LOG / 4,
        };
        match folded {
            Ok(_) if self.failing => {
                tracing::info!("the ledger's write-ahead log can be folded in again");
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
                        "the ledger's write-ahead log could not be folded in, and grows; check the disk"
                    );
                }
                self.failing = true;
                // `ca check` shows the count; a disk that is full may not take it.
                let _ = self.last.update(&self.last_file);
            }
        }
    }

    /// Ends the generation in order. A failure here is logged, and the next start mends it.
    pub(super) fn end(&mut self, connection: &mut Connection) {
        if !self.sound {
            return;
        }
        if let Err(error) = self.try_end(connection) {
            let error = error.at(self.path());
            tracing::warn!(%error, "the ledger was not closed in order; nothing is lost");
        }
    }

    fn try_end(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.busy_timeout(CLOSING)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.enter(&transaction, None)?;
        self.record_latest(&transaction)?;
        self.instance = Instance::raise(&transaction)?;
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
