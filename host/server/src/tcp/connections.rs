//! All connections of a server: they are admitted with a permit or turned away, and end when the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{interval, timeout};
use tracing::Instrument;

use super::admission::Admission;
use super::connection::{self, Stop};
use super::context::{ConnContext, Context};
use crate::events::{CaEvent, ConnectionLimit, Origin};
use minipki_ca::Source;
use minipki_net::LogLimit;

/// The interval between two checks whether a summary of the log is due.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The connections of a server, each a task.
pub(super) struct Connections {
    context: Arc<Context>,
    tasks: JoinSet<()>,
    admission: Admission,
    stop: watch::Sender<bool>,
    /// The number of the newest connection.
    arrivals: u64,
    /// The limit for log lines about failed accepts.
    accepting: LogLimit<Source>,
}

impl Connections {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let admission = Admission::new(context.limits);
        Self {
            context,
            tasks: JoinSet::new(),
            admission,
            stop: watch::Sender::new(false),
            arrivals: 0,
            accepting: LogLimit::new(1),
        }
    }

    /// Accepts connections for ever. Can be dropped at any time.
    pub(super) async fn accept_loop(&mut self, listener: &TcpListener) -> Infallible {
        let mut flush = interval(FLUSH_INTERVAL);
        loop {
            tokio::select! {
                (stream, peer) = minipki_net::accept(listener, &self.accepting) => self.receive(stream, peer),
                Some(ended) = self.tasks.join_next() => log_panic(ended),
                _ = flush.tick() => self.flush(false),
            }
        }
    }

    /// The number of open connections.
    pub(super) fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Ends all connections: waits for [`Limits::drain`](super::Limits::drain), then cuts off the others.
    pub(super) async fn drain(&mut self) {
        self.stop.send_replace(true);
        let ending = async {
            while let Some(ended) = self.tasks.join_next().await {
                log_panic(ended);
            }
        };
        if timeout(self.context.limits.drain, ending).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "cut off connections that did not end in time");
            let connections = self.tasks.len() as u64;
            self.context.events.emit(Origin::CA, CaEvent::CutOff { connections });
            self.tasks.shutdown().await;
        }
        self.flush(true);
    }

    /// Logs summaries that are due, or all of them at the `end`.
    fn flush(&self, end: bool) {
        self.accepting.summarize(end);
        self.context.events.flush(end);
    }

    fn receive(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.arrivals += 1;
        let source = Source::from(peer.ip());
        let origin = Origin { connection: self.arrivals, source: Some(source) };
        let permit = match self.admission.admit(self.arrivals, source, Instant::now()) {
            Ok(permit) => permit,
            Err(limit) => return self.turn_away(stream, peer, limit, origin),
        };
        // Messages are small and each waits for its answer, so a delay (Nagle) gains nothing. A socket that refuses the
        // option is only slower.
        let _ = stream.set_nodelay(true);
        let (server, stop) = (self.context.clone(), Stop(self.stop.subscribe()));
        let connection = ConnContext { server, origin, permit };
        connection.emit(CaEvent::Connected { peer });
        let span = tracing::info_span!("connection", id = self.arrivals, %peer);
        self.tasks.spawn(async move { connection::serve(stream, &connection, stop).await }.instrument(span));
    }

    /// Ends a connection without a permit, at almost no cost.
    fn turn_away(&mut self, stream: TcpStream, peer: SocketAddr, limit: ConnectionLimit, origin: Origin) {
        let context = &self.context;
        let most = match limit {
            ConnectionLimit::Source => context.limits.per_source,
            ConnectionLimit::Server => context.limits.connections,
        };
        context.events.emit(origin, CaEvent::TurnedAway { peer, limit, most });
        if let Ok(permit) = context.busy_permits.clone().try_acquire_owned() {
            self.tasks.spawn(async move {
                connection::close_as_busy(stream).await;
                drop(permit);
            });
        } else {
            // A reset frees the connection in the operating system. After an orderly close it would stay for a minute.
            let _ = stream.set_zero_linger();
        }
    }
}

/// Logs a panic of a connection's task.
fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked; this is a bug in minipki");
    }
}
