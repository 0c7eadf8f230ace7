//! A check of everything in a CA's folder, also while the CA issues, and where nothing can be written.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use minipki_core::time::UnixTime;

use super::owner;
use minipki_ca::ports::BadRow;
use minipki_keys::{ANCHOR_FILE, CaFolder, FolderError, KEY_FILE, PUBLIC_KEY_FILE};
use minipki_ledger::{LastStart, Lock, Sizes, SqliteReader, StoreError};
use minipki_os::files;

/// How much room a disk should have for the ledger to grow, in bytes.
const ROOM: u64 = 64 * 1024 * 1024;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What: one word.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was seen.
    pub seen: String,
}

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each thing that was checked, in order.
    pub findings: Vec<Finding>,
    /// Each row of the ledger that does not hold.
    pub bad_rows: Vec<BadRow>,
    /// Whether some content is damaged or lost, so that a backup may be needed.
    pub needs_backup: bool,
}

impl Report {
    /// Whether all is as it should be.
    pub fn is_good(&self) -> bool {
        self.bad_rows.is_empty() && self.findings.iter().all(|finding| finding.good)
    }

    fn add(&mut self, check: &'static str, good: bool, seen: impl ToString) {
        self.findings.push(Finding { check, good, seen: seen.to_string() });
    }

    /// Adds an error, which `needs_backup` or not.
    fn tell<T, E: ToString>(
        &mut self,
        check: &'static str,
        found: Result<T, E>,
        needs_backup: impl FnOnce(&E) -> bool,
    ) -> Option<T> {
        let error = match found {
            Ok(found) => return Some(found),
            Err(error) => error,
        };
        self.needs_backup |= needs_backup(&error);
        self.add(check, false, error);
        None
    }

    fn tell_store<T>(&mut self, check: &'static str, found: Result<T, StoreError>) -> Option<T> {
        self.tell(check, found, StoreError::needs_backup)
    }
}

/// Checks the CA in `dir`, at the time `now`.
pub fn check(dir: &Path, now: UnixTime) -> Report {
    let mut report = Report::default();
    let Some(folder) = report.tell("folder", CaFolder::open(dir), FolderError::needs_backup) else {
        return report;
    };
    let seen = format!("{} ({})", folder.issuer_id(), folder.fingerprint());
    report.add("folder", true, format_args!("{} holds the CA {seen}", dir.display()));
    if report.tell("key", folder.check_key(), FolderError::needs_backup).is_some() {
        report.add("key", true, "it is the anchor's, and only its owner can read it");
    }
    check_owners(&mut report, dir);
    check_room(&mut report, dir);
    check_process(&mut report, dir);
    check_ledger(&mut report, &folder, now);
    report
}

/// Checks that all files belong to the folder's owner: the CA's own user could not open a file that `sudo` has left.
fn check_owners(report: &mut Report, dir: &Path) {
    let names = [KEY_FILE, PUBLIC_KEY_FILE, ANCHOR_FILE, LastStart::FILE];
    let ledger = ["", "-wal", "-shm"].map(|suffix| format!("{}{suffix}", minipki_ledger::FILE));
    let Some(folder) = report.tell("owner", fs::metadata(dir), |_| false) else { return };
    let others: Vec<_> = names
        .into_iter()
        .chain(ledger.iter().map(String::as_str))
        .filter(|name| fs::metadata(dir.join(name)).is_ok_and(|about| about.uid() != folder.uid()))
        .collect();
    if others.is_empty() {
        return report.add(
            "owner",
            true,
            format_args!("the folder and its files belong to user {}", folder.uid()),
        );
    }
    let seen = format!(
        "the folder belongs to user {}, but not {}; run: sudo chown -R {}:{} {}",
        folder.uid(),
        others.join(", "),
        folder.uid(),
        folder.gid(),
        files::quoted(dir)
    );
    report.add("owner", false, seen);
}

fn check_room(report: &mut Report, dir: &Path) {
    let Some(free) = report.tell("room", files::free_space(dir), |_| false) else { return };
    report.add("room", free >= ROOM, format_args!("{} MiB are free on its disk", free >> 20));
}

fn check_process(report: &mut Report, dir: &Path) {
    let seen = match Lock::acquire(dir) {
        Ok(_) => "no process issues from it".to_owned(),
        Err(StoreError::Locked(_)) => match LastStart::read(dir) {
            Ok(Some(last)) => format!("process {} issues from it", last.process),
            _ => "a process issues from it".to_owned(),
        },
        Err(error) => return report.add("process", false, error),
    };
    report.add("process", true, seen);
}

fn check_ledger(report: &mut Report, folder: &CaFolder, now: UnixTime) {
    let reader = SqliteReader::open(folder.path(), &owner(folder));
    let Some(reader) = report.tell_store("ledger", reader) else { return };
    check_instance(report, folder.path(), &reader, now);
    check_log(report, folder.path());
    if let Some(faults) = report.tell_store("structure", reader.faults()) {
        if faults.is_empty() {
            report.add("structure", true, "each page, table and index of the ledger is sound");
        }
        for fault in faults {
            report.needs_backup = true;
            report.add("structure", false, fault);
        }
    }
    let mut rows = Vec::new();
    let verified = reader.verify_all(folder.anchor(), |row| rows.push(row));
    if let Some(count) = report.tell_store("certificates", verified) {
        let bad = rows.len();
        report.add(
            "certificates",
            bad == 0,
            format_args!("{count} in the ledger, {bad} of them do not hold"),
        );
    }
    report.needs_backup |= !rows.is_empty();
    report.bad_rows = rows;
}

fn check_instance(report: &mut Report, dir: &Path, reader: &SqliteReader, now: UnixTime) {
    // In this order: a CA that issues records in the ledger first.
    let last = LastStart::read(dir).ok().flatten();
    let Some(found) = report.tell_store("instance", reader.instance()) else { return };
    let expected = last.as_ref().is_none_or(|last| last.instance == found.id && last.is_in(&found));
    let seen = format!("{} in generation {} up to row {}", found.id, found.generation, found.newest);
    match last.filter(|_| !expected) {
        None => report.add("instance", true, seen),
        Some(last) => {
            report.needs_backup = true;
            let seen = format!(
                "{seen}, and the ledger that was served here last is {} in generation {} up to row {}; put back the newer one",
                last.instance, last.generation, last.newest
            );
            report.add("instance", false, seen);
        }
    }
    let hours = |then: u64| now.get().saturating_sub(then) / 3600;
    match found.backed_up {
        // Not a fault: a backup may be made by other means.
        None => report.add("backup", true, "minipki has made none yet; make one: minipki ca backup"),
        Some(then) => report.add("backup", true, format_args!("the last was made {} hours ago", hours(then))),
    }
}

fn check_log(report: &mut Report, dir: &Path) {
    let Some(sizes) = report.tell_store("log", Sizes::of(dir)) else { return };
    let failed = LastStart::read(dir).ok().flatten().map_or(0, |last| last.checkpoints_failed);
    let folded = UnixTime::new(sizes.folded).map_or_else(|_| "?".to_owned(), |time| time.to_string());
    let good = sizes.log < Sizes::LOG_TOO_LONG && failed == 0;
    let seen = format!(
        "the write-ahead log has {} KiB, and was folded into the ledger last at {folded}; {failed} attempts have failed since the start",
        sizes.log >> 10
    );
    report.add("log", good, seen);
}
