//! The storage ports of the CA on SQLite: `ledger.sqlite` in the CA folder.
//!
//! - [`SqliteLedger`] is what `ca serve` issues through; there is one at a time, by a lock on the folder. Opening it
//!   brings a ledger of an earlier version up to date.
//! - [`SqliteStorage`] opens what anyone else needs, from any process: [`SqliteReader`], [`SqliteTokens`] and
//!   [`SqliteAudit`].
//!
//! [`create`] makes a ledger, as a part of making a CA. Beside it only [`Accept::empty_ledger`] has one made. `guard`
//! has what must hold at each commit.

use std::path::PathBuf;

use minipki_ca::ports::{AuditLog, LedgerError, LedgerReader, Storage, TokenBook};

mod audit;
mod backup;
mod error;
mod facts;
mod files;
mod guard;
mod identity;
mod inspect;
mod ledger;
mod open;
mod reader;
mod rows;
mod schema;
mod search;
mod serials;
mod tokens;

pub use audit::SqliteAudit;
pub use backup::{Restoring, owner_of, snapshot, sound};
pub use error::StoreError;
pub use files::{Lock, companion};
pub use identity::{Instance, LastStart, Owner};
pub use inspect::Sizes;
pub use ledger::SqliteLedger;
pub use open::{Accept, create, discard_unused};
pub use reader::SqliteReader;
pub use tokens::SqliteTokens;

/// The ledger's name in the CA folder.
pub const FILE: &str = "ledger.sqlite";

/// The ledger of one CA in its folder. Nothing is opened before it is asked for.
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

    fn audit(&self) -> Result<Box<dyn AuditLog>, LedgerError> {
        Ok(Box::new(SqliteAudit::open(&self.folder, &self.owner)?))
    }
}
