//! The console: the CA in a browser, served by the CA itself.
//!
//! One file a page, and its template beside it in `templates/`; all assets are inside the binary.
//!
//! - `listen` accepts and encrypts connections; `connections` bounds them, and `write_deadline` ends one whose client
//!   takes nothing;
//! - `guard` stands before every page: Host, Sec-Fetch-Site, Origin, session, CSRF, response headers;
//! - `site` has the host names that it is asked for by, and its cookie;
//! - `session` turns the one-time link into a session, and ends it;
//! - `service` is the CA behind the pages: its key, its server (its states are in `serving`), its ledger. It reads
//!   through the ledger's read half and acts through the same code as the command line.
//!
//! To add a page: a file with `pub(super) fn routes() -> Router<Arc<Shared>>`, a template that
//! extends `base.html`, a line in `run::routes` and one in `page::TABS`.

mod assets;
mod audit;
mod authority;
mod certificate;
mod certificates;
mod connections;
mod guard;
mod link;
mod listen;
mod live;
mod message;
mod moment;
mod options;
mod page;
mod run;
mod session;
mod sessions;
mod shared;
mod site;
mod streams;
mod tls;
mod tokens;
mod walk;
mod words;
mod write_deadline;

pub use options::{ConsoleOptions, Limits, Tls};
pub use run::{Console, ConsoleError, Door};
pub use tls::TlsError;

/// The target of the audit lines in the log.
pub const AUDIT: &str = audit::TARGET;
