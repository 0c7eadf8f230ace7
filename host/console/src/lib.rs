//! The console: the CA in a browser, served by the CA itself. All assets are inside the binary.
//!
//! - `shell` stands around the pages. In it, `guard` is before every page (Host, Sec-Fetch-Site, Origin, session, CSRF,
//!   response headers), `site` has the console's host names and its cookie, and `session` turns a one-time link into a
//!   session, and ends it.
//! - `pages` has a folder for each page. They read and act through the [`CaService`](minipki_server::CaService), as the
//!   command line does.
//! - Connections are accepted, bounded and encrypted by [`minipki_http`].
//!
//! To add a page: a folder in `pages` with `pub(crate) fn routes() -> Router<Arc<Shared>>` and a template that extends
//! `base.html`, a line in `pages::routes` and one in `page::TABS`.

mod pages;
mod run;
mod shell;

pub use run::{Console, ConsoleError, LoginLinks};
pub use shell::options::{ConsoleOptions, Limits, Tls};
pub use shell::tls::TlsError;
