//! Accepting, counting, stopping.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::time::timeout;

use super::ServerOptions;
use super::context::{Context, Counts, Summary};
use super::desk::{Desk, DeskError};
use super::guests::Guests;
use crate::ca::Authority;
use crate::crypto::Chosen;

/// Why a server did not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose another address with --listen, or stop what holds it"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The operating system gave no thread.
    #[error("cannot start the issuing thread: {0}")]
    Thread(#[source] io::Error),
    /// What issues certificates failed.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// A CA that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    authority: Authority,
    options: ServerOptions,
    counts: Arc<Counts>,
}

impl Server {
    /// Starts to listen. Connections wait until [`Server::run`].
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub async fn bind(authority: Authority, options: ServerOptions) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, authority, options, counts: Arc::default() })
    }

    /// Where it listens, with the port that port 0 became.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What it does, to look at while it runs.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Serves until `shutdown` resolves. Then it accepts nobody more, lets what is under way
    /// finish for at most [`Limits::drain`](super::Limits::drain), and returns.
    ///
    /// # Errors
    /// [`ServeError::Desk`] if certificates can no longer be issued; requests that wait are
    /// refused as `internal` first.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Summary, ServeError> {
        let Self { listener, address, authority, options, counts } = self;
        let ServerOptions { limits, tap, events, .. } = options;
        let issuer = authority.public_key().fingerprint::<Chosen>();
        tracing::info!(%address, issuer_id = %authority.issuer_id(), fingerprint = %issuer, "serving");
        let (desk, mut closed) = Desk::open(authority, &limits).map_err(ServeError::Thread)?;
        let context = Arc::new(Context { issuer, desk, limits, tap, events, counts });

        let mut guests = Guests::new(context.clone());
        let served = tokio::select! {
            biased;
            () = shutdown => Ok(()),
            closed = closed.wait() => closed,
            never = guests.welcome(&listener) => match never {},
        };
        // From here on the operating system refuses who comes.
        drop(listener);
        tracing::info!(connections = guests.present(), "stopping");
        guests.see_off().await;
        let summary = context.counts.summary();
        served?;
        // Nobody is left to ask anything, so the desk ends with what it has.
        drop((guests, context));
        timeout(limits.drain, closed.wait()).await.unwrap_or(Err(DeskError::Stuck))?;
        tracing::info!(?summary, "stopped");
        Ok(summary)
    }
}
