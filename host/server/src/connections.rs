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

use super::admission::{Admission, Full};
use super::connection::{self, Stop};
use super::context::{Context, Visit};
use minipki_ca::Source;
use minipki_net::trace::events::{Reporter, What};

/// How often it is looked whether a summary of the log is due.
const LOOK: Duration = Duration::from_secs(1);

/// The connections of a server, each a task.
pub(super) struct Connections {
    context: Arc<Context>,
    tasks: JoinSet<()>,
    admission: Admission,
    stop: watch::Sender<bool>,
    arrivals: u64,
}

impl Connections {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let admission = Admission::new(context.limits);
        Self { context, tasks: JoinSet::new(), admission, stop: watch::Sender::new(false), arrivals: 0 }
    }

    /// Accepts for ever; may be dropped at any time.
    pub(super) async fn accept_loop(&mut self, listener: &TcpListener) -> Infallible {
        let context = self.context.clone();
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                (stream, peer) = minipki_net::accept(listener, &context.log) => self.receive(stream, peer),
                Some(ended) = self.tasks.join_next() => note(ended),
                _ = look.tick() => self.context.summarize(false),
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
            (0..self.tasks.len()).for_each(|_| self.context.counts.cut_off.add());
            self.tasks.shutdown().await;
        }
        self.context.summarize(true);
    }

    fn receive(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.arrivals += 1;
        let source = Source::from(peer.ip());
        let reporter = Reporter::new(self.context.events.clone(), self.arrivals);
        let permit = match self.admission.admit(self.arrivals, source, Instant::now()) {
            Ok(permit) => permit,
            Err(full) => return self.turn_away(stream, peer, full, &reporter),
        };
        // Messages are small and each waits for its answer: nothing is gained by holding them back. A socket that
        // refuses this is only slower.
        let _ = stream.set_nodelay(true);
        self.context.counts.connections.add();
        reporter.tell(|| What::Arrived { peer });
        let (context, stop) = (self.context.clone(), Stop(self.stop.subscribe()));
        let span = tracing::info_span!("connection", id = self.arrivals, %peer);
        let visit = Visit { context, reporter, source, permit };
        self.tasks.spawn(async move { connection::serve(stream, &visit, stop).await }.instrument(span));
    }

    /// Ends a connection that gets no permit. This costs next to nothing, however many there are.
    fn turn_away(&mut self, stream: TcpStream, peer: SocketAddr, full: Full, reporter: &Reporter) {
        let context = &self.context;
        context.counts.turned_away.add();
        let (kind, limit) = match full {
            Full::Source => ("turned away: too many connections of one source", context.limits.per_source),
            Full::Server => ("turned away: too many connections", context.limits.connections),
        };
        if let Some(left_out) = context.log.note(kind, Some(Source::from(peer.ip()))) {
            let (more, most_from) = (left_out.count(), left_out.most_from());
            tracing::warn!(connection = self.arrivals, %peer, limit, more, most_from, "{kind}");
            // Those who watch live see no more of them than the log has, so that they see the others.
            reporter.tell(|| What::TurnedAway { peer });
        }
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
