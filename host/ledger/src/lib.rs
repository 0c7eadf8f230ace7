//! The storage ports of the CA on SQLite: `ledger.sqlite` in the CA folder.
//!
//! - [`SqliteLedger`] is the ledger of a CA that issues. A lock on the folder allows only one at a time.
//!   Opening it migrates a ledger of an earlier version.
//! - [`SqliteStorage`] opens [`SqliteReader`], [`SqliteTokens`], [`SqliteRecorder`] and [`SqliteAudit`], from any process.
//!
//! Only [`create`] and an open with [`Accept::empty_ledger`] make a ledger. `guard` has the checks at each commit.

use std::path::PathBuf;

use minipki_core::time::UnixTime;

use minipki_ca::PublicUrl;
use minipki_ca::ports::{AuditLog, LedgerError, LedgerReader, Recorder, RevocationBook, Storage, TokenBook};

mod audit;
mod backup;
mod chains;
mod error;
mod facts;
mod files;
mod guard;
mod identity;
mod inspect;
mod issuer_keys;
mod ledger;
mod open;
mod owner;
mod publication;
mod reader;
mod record;
mod revocations;
mod revoke;
mod rows;
mod schema;
mod search;
mod serials;
mod times_of_issue;
mod tokens;
mod twins;
mod verifiers;

pub use audit::SqliteAudit;
pub use backup::{Restoring, check_sound, issuer_keys_of, owner_of, publication_of, snapshot};
pub use error::StoreError;
pub use files::{Lock, companion};
pub use identity::{Instance, LastStart, Owner};
pub use inspect::Sizes;
pub use ledger::SqliteLedger;
pub use open::{Accept, create, create_with, discard_unused};
pub use reader::SqliteReader;
pub use record::SqliteRecorder;
pub use tokens::SqliteTokens;

/// The ledger's name in the CA folder.
pub const FILE: &str = "ledger.sqlite";

/// The ledger of one CA in its folder. Each method opens it anew.
#[derive(Clone, Debug)]
pub struct SqliteStorage {
    /// The CA's folder.
    pub folder: PathBuf,
    /// The CA that the ledger must belong to.
    pub owner: Owner,
}

impl Storage for SqliteStorage {
    fn reader(&self) -> Result<Box<dyn LedgerReader>, LedgerError> {
        Ok(Box::new(SqliteReader::open(&self.folder, &self.owner)?))
    }

    fn tokens(&self) -> Result<Box<dyn TokenBook>, LedgerError> {
        Ok(Box::new(SqliteTokens::open(&self.folder, &self.owner)?))
    }

    fn recorder(&self, now: UnixTime) -> Result<Box<dyn Recorder>, LedgerError> {
        Ok(Box::new(SqliteRecorder::open(&self.folder, &self.owner, now)?))
    }

    fn revocations(&self, now: UnixTime) -> Result<Box<dyn RevocationBook>, LedgerError> {
        Ok(Box::new(SqliteRecorder::open(&self.folder, &self.owner, now)?))
    }

    fn audit(&self) -> Result<Box<dyn AuditLog>, LedgerError> {
        Ok(Box::new(SqliteAudit::open(&self.folder, &self.owner)?))
    }

    fn set_public_url(&self, url: Option<&PublicUrl>) -> Result<(), LedgerError> {
        publication::set_url(&self.folder, &self.owner, url)
    }
}
