//! One connection, from its first byte to its last.

use std::time::{Duration, Instant};

use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Misuse, Want, frame};
use minipki_core::session::{self, EnrolEvent, EnrolServer};
use minipki_core::wire::{Code, Refusal};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::answer::{ServerLink, answer, refuse};
use super::context::ConnContext;
use crate::events::CaEvent;
use minipki_net::{NetError, close, drive};

/// Resolves when the server is to stop.
#[derive(Clone)]
pub(super) struct Stop(pub(super) watch::Receiver<bool>);

impl Stop {
    async fn wait(&mut self) {
        // A server that is gone has stopped as well.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// How a connection came to its end.
#[derive(Debug)]
enum End {
    /// The client closed it between two requests.
    Left,
    /// The server is to stop, and nothing was under way.
    Stopped,
    /// Another connection has got its permit.
    Displaced,
    /// After a bad length prefix nothing that follows can be trusted to be a frame.
    BadFrame,
    /// It wants more than a connection may have: of requests, of malformed messages, or of time.
    SpentOut,
    /// The client went away, or did not get on, within a message or an exchange.
    Lost,
    /// An answer could not be written: a bug.
    Broken,
}

impl End {
    const fn words(&self) -> &'static str {
        match self {
            Self::Left => "closed by the client",
            Self::Stopped => "closed: the server stops",
            Self::Displaced => "closed for another connection",
            Self::BadFrame => "closed after a bad frame",
            Self::SpentOut => "closed after too many requests",
            Self::Lost => "lost within a message or an exchange",
            Self::Broken => "closed: an answer could not be written",
        }
    }
}

/// What a connection has used of what it may have.
struct Used {
    began: Instant,
    /// When the last valid message was answered; at first, when the connection began.
    useful: Instant,
    requests: usize,
    malformed: usize,
}

impl Used {
    /// How long the client may take from its last valid message to its next.
    fn deadline(&self, connection: &ConnContext) -> Duration {
        let limits = &connection.limits;
        if self.useful == self.began { limits.first_deadline.min(limits.deadline) } else { limits.deadline }
    }

    /// How much of that time is left.
    fn remaining(&self, connection: &ConnContext) -> Option<Duration> {
        Some(self.deadline(connection).saturating_sub(self.useful.elapsed()))
    }
}

/// Serves the client at the other end of `stream` until one of the two is done.
pub(super) async fn serve(mut stream: TcpStream, connection: &ConnContext, mut stop: Stop) {
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let machine = EnrolServer::new(connection.provider, connection.issuer.fingerprint());
    let mut link = Link::observed(machine, &mut rx, &mut tx, connection.observer());
    let now = Instant::now();
    let mut used = Used { began: now, useful: now, requests: 0, malformed: 0 };
    let mut end = converse(&mut link, &mut stream, connection, &mut stop, &mut used).await;
    let last = link.to_send();
    if matches!(end, End::BadFrame | End::SpentOut) {
        let (mut reader, mut writer) = stream.split();
        tokio::select! {
            () = close(&mut reader, &mut writer, last) => {}
            () = connection.permit.displaced() => end = End::Displaced,
        }
    } else if matches!(end, End::Displaced)
        // Nothing may follow a part of an answer.
        && last.is_empty()
        && let Ok(_place) = connection.busy_places.try_acquire()
    {
        connection.permit.release();
        close_as_busy(stream).await;
    }
    if matches!(end, End::Displaced) {
        connection.tell(CaEvent::Displaced);
    }
    tracing::debug!(?end, requests = used.requests, malformed = used.malformed, "closed");
    connection.tell(CaEvent::Closed { how: end.words() });
}

/// Tells the client that there is no place for it now, and closes.
pub(super) async fn close_as_busy(mut stream: TcpStream) {
    if let Some(busy) = busy() {
        let (mut reader, mut writer) = stream.split();
        close(&mut reader, &mut writer, &busy).await;
    }
}

/// The frame that refuses as busy.
fn busy() -> Option<Vec<u8>> {
    let mut body = [0; FRAME];
    let len = Refusal::from(Code::Busy).encode(&mut body).ok()?;
    Some([&frame::header(len)?, body.get(..len)?].concat())
}

async fn converse(
    link: &mut ServerLink<'_>,
    stream: &mut TcpStream,
    connection: &ConnContext,
    stop: &mut Stop,
    used: &mut Used,
) -> End {
    loop {
        let done = step(link, stream, connection, stop, used).await;
        let end = match done {
            // The last answer is sent. A client that always has one more message here ends as well.
            Ok(Step::Done(Want::Deliver)) | Err(NetError::Session(_)) if connection.permit.is_displaced() => {
                Some(End::Displaced)
            }
            Ok(Step::Done(Want::Deliver)) => {
                connection.permit.works();
                let end = reply(link, connection, used).await;
                used.useful = Instant::now();
                connection.permit.waits_since(used.useful);
                end
            }
            Ok(Step::Done(_)) => Some(End::Left),
            Ok(Step::Stopped) => Some(End::Stopped),
            Ok(Step::Displaced) => Some(End::Displaced),
            Err(NetError::Session(error)) => misread(error, connection, used),
            Err(NetError::Deadline(_)) => {
                Some(lost(&NetError::Deadline(used.deadline(connection)), connection))
            }
            Err(error) => Some(lost(&error, connection)),
        };
        if let Some(end) = end {
            return end;
        }
    }
}

/// Puts the answer to what was just asked into the link.
async fn reply(link: &mut ServerLink<'_>, connection: &ConnContext, used: &mut Used) -> Option<End> {
    let event = link.event();
    // A proof belongs to the request that led to it.
    used.requests += usize::from(!matches!(event, Some(EnrolEvent::Proven { .. })));
    let spent =
        used.requests > connection.limits.requests || used.began.elapsed() > connection.limits.lifetime;
    let written = match event {
        Some(_) if spent => refuse(link, Code::Busy),
        Some(event) => answer(link, event, connection).await,
        None => Err(Misuse::OutOfTurn.into()),
    };
    match written {
        Ok(()) => spent.then_some(End::SpentOut),
        Err(error) => {
            tracing::error!(fault = %error, "an answer could not be written");
            Some(End::Broken)
        }
    }
}

/// What a message that failed a check means for its connection. The client has been told already.
fn misread(error: session::Error, connection: &ConnContext, used: &mut Used) -> Option<End> {
    let Some(code) = error.code() else {
        return Some(lost(&error, connection));
    };
    used.requests += 1;
    used.malformed += 1;
    connection.tell(CaEvent::Malformed { code, reason: &error });
    let limits = &connection.limits;
    match error {
        session::Error::InvalidFrame(_) => Some(End::BadFrame),
        _ if used.requests > limits.requests || used.malformed > limits.malformed => Some(End::SpentOut),
        _ => None,
    }
}

fn lost(error: &dyn std::error::Error, connection: &ConnContext) -> End {
    connection.tell(CaEvent::Lost { error });
    End::Lost
}

/// What ended a wait for the client.
enum Step {
    Done(Want),
    Stopped,
    Displaced,
}

/// Sends what waits and receives the next message. Ends early if nothing is under way here and the server is to
/// stop, or if the permit was given away.
async fn step(
    link: &mut ServerLink<'_>,
    stream: &mut TcpStream,
    connection: &ConnContext,
    stop: &mut Stop,
    used: &Used,
) -> Result<Step, NetError> {
    let (mut reader, mut writer) = stream.split();
    // Driving comes first, so that what has been answered is sent and what has arrived is read.
    // It may be dropped at any point: the link knows how far it got.
    tokio::select! {
        biased;
        done = drive(link, &mut reader, &mut writer, used.remaining(connection)) => return done.map(Step::Done),
        () = connection.permit.displaced() => return Ok(Step::Displaced),
        () = stop.wait() => {}
    }
    if idle(link) {
        return Ok(Step::Stopped);
    }
    drive(link, &mut reader, &mut writer, used.remaining(connection)).await.map(Step::Done)
}

/// Whether nothing was begun: no exchange, no part of a message, no answer on its way.
fn idle(link: &mut ServerLink<'_>) -> bool {
    link.machine().is_idle() && link.to_send().is_empty() && link.space().len() == FRAME
}
