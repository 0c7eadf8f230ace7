//! A check of all files in a CA's folder, also while the CA issues, and in a read-only folder.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use miette::Diagnostic;
use minipki_core::cert::Anchor;
use minipki_core::time::UnixTime;

use super::StateError;
use super::chain::{followed, former_keys};
use super::rollover::{check_next, issuer_keys};
use minipki_ca::ports::BadRow;
use minipki_keys::{
    ANCHOR_FILE, CaFolder, FolderError, KEY_FILE, KeyError, NEXT_KEY_FILE, PUBLIC_KEY_FILE, SignerKind,
    former_key_file,
};
use minipki_ledger::{LastStart, Lock, Owner, Sizes, SqliteReader, StoreError};
use minipki_os::{Failure, files};
use minipki_passphrase::{EncryptedKeyError, Passphrase};

/// The free disk space that the ledger needs to grow, in bytes.
const ROOM: u64 = 64 * 1024 * 1024;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check: one word.
    pub check: &'static str,
    /// Whether the check passed.
    pub good: bool,
    /// The observation.
    pub seen: String,
    /// The advice, if there is one.
    pub next: Option<String>,
}

/// The results of all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The results, in order.
    pub findings: Vec<Finding>,
    /// The invalid rows of the ledger.
    pub bad_rows: Vec<BadRow>,
    /// Whether some content is damaged or lost, so that a backup may be needed.
    pub needs_backup: bool,
}

impl Report {
    /// Whether all checks passed.
    pub fn is_good(&self) -> bool {
        self.bad_rows.is_empty() && self.findings.iter().all(|finding| finding.good)
    }

    fn add(&mut self, check: &'static str, good: bool, seen: impl ToString) {
        self.findings.push(Finding { check, good, seen: seen.to_string(), next: None });
    }

    /// Adds a failure.
    fn add_failure(&mut self, check: &'static str, failure: Failure) {
        let Failure { seen, next } = failure;
        self.findings.push(Finding { check, good: false, seen, next });
    }

    /// Returns the value, or adds the error to the report. `needs_backup` classifies the error.
    fn ok_or_add<T, E: Diagnostic>(
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
        self.add_failure(check, Failure::from(&error));
        None
    }

    fn ok_or_add_store<T>(&mut self, check: &'static str, found: Result<T, StoreError>) -> Option<T> {
        self.ok_or_add(check, found, StoreError::needs_backup)
    }
}

/// Checks the CA in `dir`, at the time `now`. An encrypted key is opened only with a passphrase.
pub fn check(dir: &Path, passphrase: Option<Passphrase>, now: UnixTime) -> Report {
    let mut report = Report::default();
    let Some(folder) = report.ok_or_add("folder", CaFolder::open(dir), FolderError::needs_backup) else {
        return report;
    };
    let folder = folder.with_passphrase(passphrase);
    let seen = format!("{} ({})", folder.issuer_id(), folder.fingerprint());
    report.add("folder", true, format_args!("{} holds the CA {seen}", dir.display()));
    let anchor = check_rollover(&mut report, &folder);
    if anchor.fingerprint() == folder.fingerprint() {
        check_keys(&mut report, &folder);
    }
    check_owners(&mut report, &folder);
    check_room(&mut report, dir);
    check_process(&mut report, dir);
    check_ledger(&mut report, dir, &anchor, now);
    report
}

/// Checks that the folder and the ledger have the same keys. Returns the anchor after all changes of the key.
fn check_rollover(report: &mut Report, folder: &CaFolder) -> Anchor {
    let (dir, anchor) = (folder.path(), folder.anchor());
    // A ledger that cannot be read has its own check.
    let keys = issuer_keys(folder).unwrap_or_default();
    let Some(followed) = report.ok_or_add("keys", followed(folder, &keys), |_| true) else {
        return anchor.clone();
    };
    let command = |more| format!("minipki ca rollover --dir {}{more}", files::quoted(dir));
    if followed.fingerprint() != anchor.fingerprint() {
        let seen = format!(
            "a change of the CA's key to {} is in the ledger, and not in all files",
            followed.fingerprint()
        );
        let next = Some(format!("complete it: {}", command(" --finish")));
        report.add_failure("keys", Failure { seen, next });
    } else if keys.len() > 1 && former_keys(&keys, &anchor.fingerprint()) != anchor.former_keys() {
        report.needs_backup = true;
        report.add("keys", false, format_args!("{ANCHOR_FILE} does not name the former keys of the ledger"));
    } else if keys.len() > 1 {
        report.add(
            "keys",
            true,
            format_args!("the ledger has {} keys, as the anchor names them", keys.len()),
        );
    }
    if dir.join(NEXT_KEY_FILE).exists() && followed.fingerprint() == anchor.fingerprint() {
        let next = match folder.found_next_key() {
            Ok(next) => next.map_or(Ok(()), |next| check_next(folder, keys.iter(), &next)),
            // A change sets a damaged key aside. It cannot begin without the passphrase.
            Err(FolderError::Key { source, .. }) if source.is_content() || source.is_locked() => Ok(()),
            Err(error) => Err(error),
        };
        if report.ok_or_add("keys", next, FolderError::needs_backup).is_none() {
            return followed;
        }
        let seen = "a change of the CA's key was begun, and has changed nothing yet".to_owned();
        let next = Some(format!("to continue it: {}", command("")));
        report.findings.push(Finding { check: "keys", good: true, seen, next });
    }
    followed
}

/// Checks the file of the present key, and those of the former keys.
fn check_keys(report: &mut Report, folder: &CaFolder) {
    for key in folder.keys() {
        let present = key == folder.fingerprint();
        let check = if present { "key" } else { "former-key" };
        let name = if present { "it".to_owned() } else { former_key_file(&key) };
        let next = Some("give its passphrase too, with --passphrase-file FILE".to_owned());
        match folder.signer_of(key, SignerKind::Portable) {
            Ok(_) => {
                let seen = format!("{name} matches the anchor, and only its owner can read it");
                report.add(check, true, seen);
            }
            Err(FolderError::Key { source: KeyError::Encrypted(EncryptedKeyError::Locked), .. }) => {
                let seen = format!("{name} is encrypted and was not opened, and only its owner can read it");
                report.findings.push(Finding { check, good: true, seen, next });
            }
            Err(error) => {
                report.needs_backup |= error.needs_backup();
                report.add_failure(check, Failure::from(&error));
            }
        }
    }
}

/// Checks that all files belong to the folder's owner: the CA's user could not open a file that `sudo` has made.
fn check_owners(report: &mut Report, folder: &CaFolder) {
    let dir = folder.path();
    let names = [KEY_FILE, NEXT_KEY_FILE, PUBLIC_KEY_FILE, ANCHOR_FILE, LastStart::FILE];
    let former: Vec<_> = folder.keys().skip(1).map(|key| former_key_file(&key)).collect();
    let ledger = ["", "-wal", "-shm"].map(|suffix| format!("{}{suffix}", minipki_ledger::FILE));
    let Some(folder) = report.ok_or_add("owner", fs::metadata(dir).map_err(StateError::io(dir)), |_| false)
    else {
        return;
    };
    let others: Vec<_> = names
        .into_iter()
        .chain(ledger.iter().chain(&former).map(String::as_str))
        .filter(|name| fs::metadata(dir.join(name)).is_ok_and(|about| about.uid() != folder.uid()))
        .collect();
    if others.is_empty() {
        return report.add(
            "owner",
            true,
            format_args!("the folder and its files belong to user {}", folder.uid()),
        );
    }
    let (uid, gid) = (folder.uid(), folder.gid());
    let seen = format!("the folder belongs to user {uid}, but not {}", others.join(", "));
    let next = Some(format!("run: sudo chown -R {uid}:{gid} {}", files::quoted(dir)));
    report.add_failure("owner", Failure { seen, next });
}

fn check_room(report: &mut Report, dir: &Path) {
    let Some(free) = report.ok_or_add("room", files::free_space(dir).map_err(StateError::io(dir)), |_| false)
    else {
        return;
    };
    report.add("room", free >= ROOM, format_args!("{} MiB are free on its disk", free >> 20));
}

fn check_process(report: &mut Report, dir: &Path) {
    let seen = match Lock::acquire(dir) {
        Ok(_) => "no process issues from it".to_owned(),
        Err(StoreError::Locked(_)) => match LastStart::read(dir) {
            Ok(Some(last)) => format!("process {} issues from it", last.process),
            _ => "a process issues from it".to_owned(),
        },
        Err(error) => return report.add_failure("process", Failure::from(&error)),
    };
    report.add("process", true, seen);
}

fn check_ledger(report: &mut Report, dir: &Path, anchor: &Anchor, now: UnixTime) {
    let Some(issuer_id) = anchor.issuer_id() else { return };
    let owner = Owner { issuer_id: issuer_id.into(), fingerprint: anchor.fingerprint() };
    let reader = SqliteReader::open(dir, &owner);
    let Some(reader) = report.ok_or_add_store("ledger", reader) else { return };
    check_instance(report, dir, &reader, now);
    check_log(report, dir);
    if let Some(errors) = report.ok_or_add_store("structure", reader.structure_errors()) {
        if errors.is_empty() {
            report.add("structure", true, "each page, table and index of the ledger is sound");
        }
        for error in errors {
            report.needs_backup = true;
            report.add("structure", false, error);
        }
    }
    let mut rows = Vec::new();
    let verified = reader.verify_all(anchor, |row| rows.push(row));
    if let Some(count) = report.ok_or_add_store("certificates", verified) {
        let bad = rows.len();
        report.add(
            "certificates",
            bad == 0,
            format_args!("{count} in the ledger, {bad} of them are invalid"),
        );
    }
    report.needs_backup |= !rows.is_empty();
    report.bad_rows = rows;
}

fn check_instance(report: &mut Report, dir: &Path, reader: &SqliteReader, now: UnixTime) {
    // The note is read first, because a CA that issues writes to the ledger first.
    let last = LastStart::read(dir).ok().flatten();
    let Some(found) = report.ok_or_add_store("instance", reader.instance()) else { return };
    let expected = last.as_ref().is_none_or(|last| last.instance == found.id && last.is_in(&found));
    let seen = format!("{} in generation {} up to row {}", found.id, found.generation, found.newest);
    match last.filter(|_| !expected) {
        None => report.add("instance", true, seen),
        Some(last) => {
            report.needs_backup = true;
            let seen = format!(
                "{seen}, and the ledger that was served here last is {} in generation {} up to row {}",
                last.instance, last.generation, last.newest
            );
            report.add_failure("instance", Failure { seen, next: Some("put back the newer one".to_owned()) });
        }
    }
    let hours = |then: u64| now.get().saturating_sub(then) / 3600;
    match found.backed_up {
        // Not an error: there may be other kinds of backups.
        None => {
            let (seen, next) = (
                "minipki has made no backup with the present key yet".to_owned(),
                format!("make one: minipki ca backup --dir {} --to FILE", files::quoted(dir)),
            );
            report.findings.push(Finding { check: "backup", good: true, seen, next: Some(next) });
        }
        Some(then) => {
            report.add("backup", true, format_args!("the last backup was {} hours ago", hours(then)));
        }
    }
}

fn check_log(report: &mut Report, dir: &Path) {
    let Some(sizes) = report.ok_or_add_store("log", Sizes::of(dir)) else { return };
    let failed = LastStart::read(dir).ok().flatten().map_or(0, |last| last.checkpoints_failed);
    let last = UnixTime::new(sizes.checkpoint).map_or_else(|_| "?".to_owned(), |time| time.to_string());
    let good = sizes.log < Sizes::LOG_TOO_LONG && failed == 0;
    let seen = format!(
        "the write-ahead log has {} KiB, and was last written back at {last}; {failed} attempts have failed since the start",
        sizes.log >> 10
    );
    report.add("log", good, seen);
}
