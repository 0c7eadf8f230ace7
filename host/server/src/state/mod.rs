//! The state of a CA in one folder: its key, its anchor and its ledger. The folder is made, opened to issue, backed up,
//! restored and checked as a whole.

mod archive;
mod backup;
mod check;
mod create;
mod error;
mod restore;

pub use backup::{Backup, backup};
pub use check::{Finding, Report, check};
pub use create::{Created, KeyChoice, can_create, create, create_with};
pub use error::StateError;
pub use restore::{RestoreOptions, Restored, restore};

use getrandom::SysRng;

use minipki_ca::{Authority, Policy};
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::{Accept, Owner, SqliteLedger, SqliteStorage};
use minipki_os::clock;

/// The owner of the ledger in `folder`.
pub fn owner(folder: &CaFolder) -> Owner {
    Owner { issuer_id: folder.issuer_id().into(), fingerprint: folder.fingerprint() }
}

/// The storage of the CA in `folder`, for callers that do not issue.
pub fn storage(folder: &CaFolder) -> SqliteStorage {
    SqliteStorage { folder: folder.path().to_owned(), owner: owner(folder) }
}

/// Opens the CA in `folder` to issue. Checks its key, its ledger and the machine's clock.
///
/// # Errors
/// [`StateError`] if a check fails.
pub fn open_authority(
    folder: &CaFolder,
    policy: Policy,
    kind: SignerKind,
    accept: Accept,
) -> Result<Authority, StateError> {
    let signer = folder.signer(kind)?;
    let mut ledger = SqliteLedger::open_with(folder.path(), &owner(folder), accept, SysRng)?;
    ledger.start_at(clock::now()?, accept)?;
    Ok(Authority::new(folder.issuer_id().into(), policy, signer, Box::new(ledger)))
}
