//! The ledger on disk: `ledger.sqlite` in the CA folder, in three halves that share one schema.
//!
//! - [`SqliteLedger`] is what `ca serve` issues through; there is one at a time, by a lock on the folder.
//! - [`LedgerReader`] looks up and lists, from any process, while the other writes.
//! - [`TokenBook`] adds tokens, from any process.
//!
//! [`create`] makes a ledger, as a part of making a CA. Beside it only [`Accept::empty_ledger`] has one made. `guard`
//! has what must hold at each commit.

mod backup;
mod error;
mod guard;
mod inspect;
mod ledger;
mod lock;
mod open;
mod reader;
mod schema;
mod search;
mod serials;
mod space;
mod tokens;

pub use backup::{Restoring, owner_of, snapshot, sound};
pub use error::StoreError;
pub use inspect::Sizes;
pub use ledger::SqliteLedger;
pub use lock::{LastStart, Lock};
pub use open::{Accept, companion, create, discard_unused};
pub use reader::{BadRow, Counts, LedgerReader, Page, Record};
pub use schema::{Instance, Owner};
pub use search::{Cursor, Found, Order, Place, Search};
pub use tokens::{TokenBook, TokenRecord, TokenState};

/// The ledger's name in the CA folder.
pub const FILE: &str = "ledger.sqlite";
