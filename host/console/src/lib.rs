//! The console: web pages of the CA, served by the CA itself. All assets are inside the binary.
//!
//! - `shell` is common to all pages. `guard` checks each request (Host, Sec-Fetch-Site, Origin, session, CSRF) and sets
//!   the response headers, `site` has the console's host names and its cookie, and `session` has the one-time links and
//!   the sessions.
//! - `pages` has a folder for each page. The pages use the [`CaService`](minipki_server::CaService), like the command
//!   line.
//! - [`minipki_http`] accepts, limits and encrypts connections.
//!
//! To add a page, make a folder in `pages` with `pub(crate) fn routes() -> Router<Arc<Shared>>` and a template that
//! extends `base.html`. Then add a line to `pages::routes`, one to `page::TABS`
//! and one to `askama.toml`.

mod link_socket;
mod pages;
mod run;
mod shell;

pub use link_socket::{LinkError, request_link};
pub use run::{Console, ConsoleError, LoginLinks};
pub use shell::options::{ConsoleOptions, Limits, Tls};
pub use shell::tls::TlsError;
