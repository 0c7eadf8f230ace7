//! Accepting, counting, stopping.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::ServerOptions;
use super::connections::Connections;
use super::context::{Context, Counts, Summary};
use super::desk::{Desk, DeskError};
use minipki_ca::Authority;
use minipki_net::LogLimit;
use minipki_provider::Chosen;

/// Connections that the operating system may keep until they are accepted: so many that a flood does not make it
/// drop those of others, which would come again only after a second.
const BACKLOG: u32 = 4096;

/// How many lines of requests of one kind are logged one by one before they are counted.
const REQUESTS: u32 = 8;

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
        let listener = listen(options.listen).map_err(failed)?;
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
        let (desk, mut closed) = Desk::open(authority, &limits).map_err(ServeError::Thread)?;
        let context = Arc::new(Context {
            issuer,
            desk,
            limits,
            tap,
            events,
            counts,
            log: LogLimit::new(1),
            requests: LogLimit::new(REQUESTS),
            busy_places: Arc::new(Semaphore::new(limits.told_busy.min(Semaphore::MAX_PERMITS))),
        });

        let mut connections = Connections::new(context.clone());
        let served = tokio::select! {
            biased;
            () = shutdown => Ok(()),
            closed = closed.wait() => closed,
            never = connections.accept_loop(&listener) => match never {},
        };
        // From here on the operating system refuses new connections.
        drop(listener);
        tracing::info!(connections = connections.present(), "stopping");
        let end = Instant::now() + limits.drain + limits.drain / 2;
        connections.drain().await;
        let summary = context.counts.summary();
        served?;
        // Nobody is left to ask anything, so the desk ends with what it has.
        drop((connections, context));
        timeout_at(end, closed.wait()).await.unwrap_or(Err(DeskError::Stuck))?;
        let Summary { connections, turned_away, displaced, granted, repeated, refused, cut_off } = summary;
        tracing::info!(connections, turned_away, displaced, granted, repeated, refused, cut_off, "stopped");
        Ok(summary)
    }
}

/// A socket that listens at `address`, also where one that was closed a moment ago has left traces.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
