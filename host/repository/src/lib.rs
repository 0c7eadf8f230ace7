//! The repository of the CA (RFC 5280 §3): what anybody may fetch, over plain HTTP and without authentication. All of it
//! is signed, so nobody can change it on its way.
//!
//! - `routes` has a file for each kind of document.
//! - `document` is the answer to a request: its content, its caching, and the answer to a conditional request.
//! - [`minipki_http`] accepts and limits connections. The [`CaService`](minipki_server::CaService) makes everything.

mod document;
mod problem;
mod routes;
mod run;

pub use run::{Limits, Repository, RepositoryError};
