//! The errors of a CA as a service.

use std::time::Duration;

use miette::Diagnostic;

use super::state::StateError;
use super::tcp::ServeError;
use minipki_ca::ports::{LedgerError, RevocationError};
use minipki_ca::{IssueError, Refused};
use minipki_keys::FolderError;
use minipki_os::clock::ClockError;

/// The reason why the CA refused an action.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ServiceError {
    /// The CA has no key yet.
    #[error("this CA has no key yet")]
    #[diagnostic(help("generate it first, in the console or with: minipki ca init --dir DIR"))]
    NoKey,
    /// The CA has a key already.
    #[error("this CA has a key already, or generates one, and nothing is ever overwritten")]
    HasKey,
    /// The private key is locked.
    #[error("the CA's key is encrypted, and its passphrase is not known here")]
    #[diagnostic(help("unlock the key first"))]
    Locked,
    /// The private key is not locked.
    #[error("the CA's key is not locked")]
    NotLocked,
    /// Another try to unlock the key is under way.
    #[error("another passphrase is being tried")]
    #[diagnostic(help("wait until its result is known"))]
    Unlocking,
    /// The last passphrase was wrong, so no other is tried for some time.
    #[error("the last passphrase was wrong, and the next one can be tried in {} s", .0.as_secs().max(1))]
    #[diagnostic(help("wait, then try again"))]
    TooSoon(Duration),
    /// The server runs already, or the key is being changed.
    #[error("the CA server runs already, or the CA's key is being changed")]
    #[diagnostic(help("stop it first"))]
    Runs,
    /// The server does not run.
    #[error("the CA server does not run")]
    #[diagnostic(help("start it first"))]
    Stopped,
    /// A thread panicked: a bug.
    #[error("a thread panicked")]
    #[diagnostic(help("this is a bug in minipki, please report it with the log"))]
    Panicked,
    /// The error of the CA's folder.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Folder(#[from] FolderError),
    /// The error of the CA's ledger.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// A change of a revocation was refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Revocation(#[from] RevocationError),
    /// The error of the CA's folder, ledger or clock.
    #[error(transparent)]
    #[diagnostic(transparent)]
    State(#[from] StateError),
    /// The error of the CA's server.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Serve(#[from] ServeError),
    /// A certificate of the CA's own server.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Issue(#[from] IssueError),
    /// The issuer refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The machine's clock.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Clock(#[from] ClockError),
}
