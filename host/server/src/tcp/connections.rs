//! Everybody who is connected: admitted while there are permits, turned away otherwise, asked to end at the stop.

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

/// How often it is looked whether a summary of the log is due.
const LOOK: Duration = Duration::from_secs(1);

/// The connections of a server, each a task.
pub(super) struct Connections {
    context: Arc<Context>,
    tasks: JoinSet<()>,
    admission: Admission,
    stop: watch::Sender<bool>,
    arrivals: u64,
    /// Bounds the lines that tell that no connection can be accepted.
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

    /// Accepts for ever; may be dropped at any time.
    pub(super) async fn accept_loop(&mut self, listener: &TcpListener) -> Infallible {
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                (stream, peer) = minipki_net::accept(listener, &self.accepting) => self.receive(stream, peer),
                Some(ended) = self.tasks.join_next() => note(ended),
                _ = look.tick() => self.flush(false),
            }
        }
    }

    /// How many are connected.
    pub(super) fn present(&self) -> usize {
        self.tasks.len()
    }

    /// Asks all connections to end, waits for them as long as the limits say, and cuts off the others.
    pub(super) async fn drain(&mut self) {
        self.stop.send_replace(true);
        let ending = async {
            while let Some(ended) = self.tasks.join_next().await {
                note(ended);
            }
        };
        if timeout(self.context.limits.drain, ending).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "cut off what was still under way");
            let connections = self.tasks.len() as u64;
            self.context.events.tell(Origin::CA, CaEvent::CutOff { connections });
            self.tasks.shutdown().await;
        }
        self.flush(true);
    }

    /// Logs what was held back and may be told now; all of it at the `end`.
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
        // Messages are small and each waits for its answer: nothing is gained by holding them back. A socket that
        // refuses this is only slower.
        let _ = stream.set_nodelay(true);
        let (server, stop) = (self.context.clone(), Stop(self.stop.subscribe()));
        let connection = ConnContext { server, origin, permit };
        connection.tell(CaEvent::Connected { peer });
        let span = tracing::info_span!("connection", id = self.arrivals, %peer);
        self.tasks.spawn(async move { connection::serve(stream, &connection, stop).await }.instrument(span));
    }

    /// Ends a connection that gets no permit. This costs next to nothing, however many there are.
    fn turn_away(&mut self, stream: TcpStream, peer: SocketAddr, limit: ConnectionLimit, origin: Origin) {
        let context = &self.context;
        let most = match limit {
            ConnectionLimit::Source => context.limits.per_source,
            ConnectionLimit::Server => context.limits.connections,
        };
        context.events.tell(origin, CaEvent::TurnedAway { peer, limit, most });
        if let Ok(place) = context.busy_places.clone().try_acquire_owned() {
            self.tasks.spawn(async move {
                connection::close_as_busy(stream).await;
                drop(place);
            });
        } else {
            // A reset leaves nothing of the connection in the operating system; an orderly end would for a minute.
            let _ = stream.set_zero_linger();
        }
    }
}

/// A connection's task is not awaited for its result, but a bug in it should not go unseen.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked; this is a bug in minipki");
    }
}
