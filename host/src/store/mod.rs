//! The ledger on disk: `ledger.sqlite` in the CA folder, in three halves that share one schema.
//!
//! - [`SqliteLedger`] is what `ca serve` issues through; there is one at a time, by a lock file.
//! - [`LedgerReader`] looks up and lists, from any process, while the other writes.
//! - [`TokenBook`] adds tokens, from any process.

mod error;
mod ledger;
mod lock;
mod reader;
mod schema;
mod search;
mod serials;
mod space;
mod tokens;

pub use error::StoreError;
pub use ledger::SqliteLedger;
pub use reader::{Counts, LedgerReader, Page, Record};
pub use schema::{FILE, Owner};
pub use search::{Cursor, Found, Order, Place, Search};
pub use tokens::{TokenBook, TokenRecord, TokenState};
