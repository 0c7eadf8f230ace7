//! The TCP front. It accepts connections with limits, and a task for each connection answers its requests.
//!
//! - `admission` gives each connection a permit. An idle connection can lose it to a new one.
//! - `connection` moves the frames of one connection, and `answer` answers its requests.
//! - The [`Issuer`] signs and records.
//!
//! Every wait for a peer has a deadline, and every resource that a peer can use up has a limit ([`Limits`]).

mod admission;
mod answer;
mod connection;
mod connections;
mod context;
mod options;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use miette::Diagnostic;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use options::{Limits, ServerOptions};

use self::connections::Connections;
use self::context::Context;
use super::issuer::{Issuer, IssuerError};
use super::metrics::{Metrics, Summary};
use minipki_ca::Authority;
use minipki_ca::ports::LedgerError;

/// The number of connections that can wait in the operating system. It is large, so that a flood does not drop other
/// connections: TCP would try those again only after a second.
const BACKLOG: u32 = 4096;

/// The reason why a server did not start, or has stopped.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ServeError {
    /// The server cannot listen on the address.
    #[error("cannot listen on {address}: {source}")]
    #[diagnostic(help("choose another address with --listen, or stop the program that uses it"))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
    /// The operating system gave no thread.
    #[error("cannot start the issuing thread: {0}")]
    Thread(#[source] io::Error),
    /// The changes of the CA's key cannot be read from the ledger.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// The issuer has failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Issuer(#[from] IssuerError),
}

/// An issuer and its TCP front.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    issuer: Issuer,
    anchors: Arc<[u8]>,
    options: ServerOptions,
    metrics: Arc<Metrics>,
}

impl Server {
    /// Listens, and starts the issuer. Connections wait until [`Server::run`].
    ///
    /// # Errors
    /// [`ServeError::Listen`], [`ServeError::Ledger`] or [`ServeError::Thread`].
    pub async fn bind(mut authority: Authority, options: ServerOptions) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address: options.listen, source };
        let listener = listen(options.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let anchors = authority.anchors()?.into();
        let issuer = Issuer::start(authority, options.limits.issuer()).map_err(ServeError::Thread)?;
        Ok(Self { listener, address, issuer, anchors, options, metrics: Arc::default() })
    }

    /// The address of the listener, with its real port for port 0.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The counters, which can be read while the server runs.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// The issuer, for other fronts of the same CA.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Serves until `shutdown` resolves. Then it accepts no more connections, waits at most [`Limits::drain`] for the
    /// open ones, closes the issuer, and returns.
    ///
    /// # Errors
    /// [`ServeError::Issuer`] if certificates can no longer be issued. Waiting requests are refused as `internal`
    /// first.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Summary, ServeError> {
        let Self { listener, address, issuer, anchors, options, metrics } = self;
        let ServerOptions { provider, limits, tap, events, .. } = options;
        let fingerprint = issuer.fingerprint();
        tracing::info!(%address, issuer_id = %issuer.issuer_id(), %fingerprint, "serving");
        let descriptors = minipki_os::raise_descriptor_limit();
        let wanted = limits.connections;
        let limits = limits.within(descriptors);
        if limits.connections < wanted {
            tracing::warn!(
                connections = limits.connections,
                wanted,
                descriptors,
                "serving fewer connections: this process may open too few files (see `ulimit -n`)"
            );
        }
        let context = Arc::new(Context {
            provider,
            issuer: issuer.clone(),
            anchors,
            limits,
            tap,
            events: events.and(metrics.clone()),
            busy_permits: Arc::new(Semaphore::new(limits.told_busy.min(Semaphore::MAX_PERMITS))),
        });

        let mut connections = Connections::new(context);
        let served = tokio::select! {
            biased;
            () = shutdown => Ok(()),
            ended = issuer.ended() => ended,
            never = connections.accept_loop(&listener) => match never {},
        };
        // From here on the operating system refuses new connections.
        drop(listener);
        tracing::info!(connections = connections.count(), "stopping");
        let end = Instant::now() + limits.drain + limits.drain / 2;
        connections.drain().await;
        let summary = metrics.summary();
        served?;
        issuer.close(end.saturating_duration_since(Instant::now())).await?;
        let Summary {
            connections,
            turned_away,
            displaced,
            granted,
            repeated,
            revoked,
            statuses,
            refused,
            cut_off,
        } = summary;
        tracing::info!(
            connections,
            turned_away,
            displaced,
            granted,
            repeated,
            revoked,
            statuses,
            refused,
            cut_off,
            "stopped"
        );
        Ok(summary)
    }
}

/// A socket that listens at `address`, also shortly after an earlier one was closed.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
