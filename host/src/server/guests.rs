//! Everybody who is connected: let in up to the limit, turned away beyond it, seen off at the end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use minipki_core::limits::FRAME;
use minipki_core::wire::{Code, Refusal, frame};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use super::connection::{self, Stop};
use super::context::{Context, Visit};
use crate::ca::Source;
use crate::net;
use crate::trace::events::{Reporter, What};

/// How many that are turned away are told so at a time; any further ones are just closed.
const TURNED_AWAY: usize = 32;

/// How long to wait when the operating system has no room for another connection.
const BREATHER: Duration = Duration::from_millis(50);

/// The connections of a server, each a task.
pub(super) struct Guests {
    context: Arc<Context>,
    tasks: JoinSet<()>,
    seats: Arc<Semaphore>,
    doorstep: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    arrivals: u64,
}

impl Guests {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let seats = Arc::new(Semaphore::new(context.limits.connections.min(Semaphore::MAX_PERMITS)));
        Self {
            context,
            tasks: JoinSet::new(),
            seats,
            doorstep: Arc::new(Semaphore::new(TURNED_AWAY)),
            stop: watch::Sender::new(false),
            arrivals: 0,
        }
    }

    /// Lets in whoever comes, for ever; may be dropped at any time.
    pub(super) async fn welcome(&mut self, listener: &TcpListener) -> Infallible {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.receive(stream, peer),
                    // The peer was gone before it was let in: its loss.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept for the moment");
                        sleep(BREATHER).await;
                    }
                },
                Some(left) = self.tasks.join_next() => note(left),
            }
        }
    }

    /// How many are connected.
    pub(super) fn present(&self) -> usize {
        self.tasks.len()
    }

    /// Asks everybody to leave, waits as long as the limits say, and cuts off who is still there.
    pub(super) async fn see_off(&mut self) {
        self.stop.send_replace(true);
        let leaving = async {
            while let Some(left) = self.tasks.join_next().await {
                note(left);
            }
        };
        if timeout(self.context.limits.drain, leaving).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "cut off what was still under way");
            (0..self.tasks.len()).for_each(|_| self.context.counts.cut_off.add());
            self.tasks.shutdown().await;
        }
    }

    fn receive(&mut self, mut stream: TcpStream, peer: SocketAddr) {
        self.arrivals += 1;
        let (context, stop) = (self.context.clone(), Stop(self.stop.subscribe()));
        let span = tracing::info_span!("connection", id = self.arrivals, %peer);
        // Messages are small and each waits for its answer: nothing is gained by holding them back.
        if let Err(error) = stream.set_nodelay(true) {
            return span.in_scope(|| tracing::debug!(%error, "gone already"));
        }
        let reporter = Reporter::new(context.events.clone(), self.arrivals);
        if let Ok(seat) = self.seats.clone().try_acquire_owned() {
            context.counts.connections.add();
            reporter.tell(|| What::Arrived { peer });
            let visit = async move {
                let source = Source::from(peer.ip());
                connection::serve(stream, &Visit { context, reporter, source }, stop).await;
                drop(seat);
            };
            self.tasks.spawn(visit.instrument(span));
            return;
        }
        context.counts.turned_away.add();
        reporter.tell(|| What::TurnedAway { peer });
        span.in_scope(|| {
            tracing::warn!(limit = context.limits.connections, "turned away: too many connections");
        });
        if let (Ok(place), Some(busy)) = (self.doorstep.clone().try_acquire_owned(), busy()) {
            self.tasks.spawn(async move {
                let (mut reader, mut writer) = stream.split();
                net::close(&mut reader, &mut writer, &busy).await;
                drop(place);
            });
        }
    }
}

/// The frame for those who are turned away.
fn busy() -> Option<Vec<u8>> {
    let mut body = [0; FRAME];
    let len = Refusal::from(Code::Busy).encode(&mut body).ok()?;
    Some([&frame::header(len)?, body.get(..len)?].concat())
}

/// A connection's task is not awaited for its result, but a bug in it should not go unseen.
fn note(left: Result<(), JoinError>) {
    if let Err(error) = left
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked; this is a bug in minipki");
    }
}
