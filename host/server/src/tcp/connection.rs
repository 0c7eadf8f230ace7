//! The life of one connection.

use std::time::{Duration, Instant};

use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Misuse, Want, frame};
use minipki_core::session::{self, CaServer, ClientRequest};
use minipki_core::wire::{Code, Refusal};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::answer::{ServerLink, answer, refuse};
use super::context::ConnContext;
use crate::events::CaEvent;
use minipki_net::{NetError, close, drive};

/// A signal that the server stops.
#[derive(Clone)]
pub(super) struct Stop(pub(super) watch::Receiver<bool>);

impl Stop {
    async fn wait(&mut self) {
        // An error means that the server is gone, so it has stopped too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// The reason for the end of a connection.
#[derive(Debug)]
enum End {
    /// The client closed the connection between two requests.
    Left,
    /// The server stops, and no exchange had begun.
    Stopped,
    /// Another connection has the permit now.
    Displaced,
    /// A bad length prefix. The start of the next frame is unknown.
    BadFrame,
    /// A limit for requests, malformed messages or time is reached.
    LimitReached,
    /// The client has closed or exceeded a deadline within a message or an exchange.
    Lost,
    /// An answer could not be written: a bug.
    Broken,
}

impl End {
    const fn text(&self) -> &'static str {
        match self {
            Self::Left => "closed by the client",
            Self::Stopped => "closed: the server stops",
            Self::Displaced => "closed for another connection",
            Self::BadFrame => "closed after a bad frame",
            Self::LimitReached => "closed: a limit of the connection is reached",
            Self::Lost => "lost within a message or an exchange",
            Self::Broken => "closed: an answer could not be written",
        }
    }
}

/// The time and the counts of a connection for its limits.
struct Usage {
    began: Instant,
    /// The time of the answer to the last valid message; at first, the start of the connection.
    last_answer: Instant,
    requests: usize,
    malformed: usize,
}

impl Usage {
    /// The time limit from the last valid message to the next.
    fn deadline(&self, connection: &ConnContext) -> Duration {
        let limits = &connection.limits;
        if self.last_answer == self.began {
            limits.first_deadline.min(limits.deadline)
        } else {
            limits.deadline
        }
    }

    /// The rest of this time.
    fn remaining(&self, connection: &ConnContext) -> Option<Duration> {
        Some(self.deadline(connection).saturating_sub(self.last_answer.elapsed()))
    }
}

/// Serves the client of `stream` until the connection ends.
pub(super) async fn serve(mut stream: TcpStream, connection: &ConnContext, mut stop: Stop) {
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let machine = CaServer::new(connection.provider);
    let mut link = Link::observed(machine, &mut rx, &mut tx, connection.observer());
    let now = Instant::now();
    let mut usage = Usage { began: now, last_answer: now, requests: 0, malformed: 0 };
    let mut end = serve_requests(&mut link, &mut stream, connection, &mut stop, &mut usage).await;
    let last = link.to_send();
    if matches!(end, End::BadFrame | End::LimitReached) {
        let (mut reader, mut writer) = stream.split();
        tokio::select! {
            () = close(&mut reader, &mut writer, last) => {}
            () = connection.permit.displaced() => end = End::Displaced,
        }
    } else if matches!(end, End::Displaced)
        // After a part of an answer, no other frame can follow.
        && last.is_empty()
        && let Ok(_permit) = connection.busy_permits.try_acquire()
    {
        connection.permit.release();
        close_as_busy(stream).await;
    }
    if matches!(end, End::Displaced) {
        connection.emit(CaEvent::Displaced);
    }
    tracing::debug!(end = end.text(), requests = usage.requests, malformed = usage.malformed, "closed");
    connection.emit(CaEvent::Closed { how: end.text() });
}

/// Refuses the client as `busy`, and closes.
pub(super) async fn close_as_busy(mut stream: TcpStream) {
    if let Some(frame) = busy_frame() {
        let (mut reader, mut writer) = stream.split();
        close(&mut reader, &mut writer, &frame).await;
    }
}

/// The frame of a `busy` refusal.
fn busy_frame() -> Option<Vec<u8>> {
    let mut body = [0; FRAME];
    let len = Refusal::from(Code::Busy).encode(&mut body).ok()?;
    Some([&frame::header(len)?, body.get(..len)?].concat())
}

async fn serve_requests(
    link: &mut ServerLink<'_>,
    stream: &mut TcpStream,
    connection: &ConnContext,
    stop: &mut Stop,
    usage: &mut Usage,
) -> End {
    loop {
        let done = step(link, stream, connection, stop, usage).await;
        let end = match done {
            // The last answer is sent. A client that has sent the next message already must end too.
            Ok(Step::Done(Want::Deliver)) | Err(NetError::Session(_)) if connection.permit.is_displaced() => {
                Some(End::Displaced)
            }
            Ok(Step::Done(Want::Deliver)) => {
                connection.permit.set_busy();
                let end = reply(link, connection, usage).await;
                usage.last_answer = Instant::now();
                connection.permit.set_waiting_since(usage.last_answer);
                end
            }
            Ok(Step::Done(_)) => Some(End::Left),
            Ok(Step::Stopped) => Some(End::Stopped),
            Ok(Step::Displaced) => Some(End::Displaced),
            Err(NetError::Session(error)) => malformed(error, connection, usage),
            Err(NetError::Deadline(_)) => {
                Some(lost(&NetError::Deadline(usage.deadline(connection)), connection))
            }
            Err(error) => Some(lost(&error, connection)),
        };
        if let Some(end) = end {
            return end;
        }
    }
}

/// Puts the answer to the received message into the link.
async fn reply(link: &mut ServerLink<'_>, connection: &ConnContext, usage: &mut Usage) -> Option<End> {
    let event = link.event();
    // A proof belongs to the request before it.
    let is_proof = matches!(
        event,
        Some(ClientRequest::Proven { .. } | ClientRequest::Renew { .. } | ClientRequest::Revoke { .. })
    );
    usage.requests += usize::from(!is_proof);
    let beyond_limit =
        usage.requests > connection.limits.requests || usage.began.elapsed() > connection.limits.lifetime;
    let written = match event {
        Some(_) if beyond_limit => refuse(link, Code::Busy),
        Some(event) => answer(link, event, connection).await,
        None => Err(Misuse::OutOfTurn.into()),
    };
    match written {
        Ok(()) => beyond_limit.then_some(End::LimitReached),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written; this is a bug in minipki");
            Some(End::Broken)
        }
    }
}

/// Handles a message that failed a check. The link has the refusal already.
fn malformed(error: session::Error, connection: &ConnContext, usage: &mut Usage) -> Option<End> {
    let Some(code) = error.code() else {
        return Some(lost(&error, connection));
    };
    usage.requests += 1;
    usage.malformed += 1;
    connection.emit(CaEvent::Malformed { code, reason: &error });
    let limits = &connection.limits;
    match error {
        session::Error::InvalidFrame(_) => Some(End::BadFrame),
        _ if usage.requests > limits.requests || usage.malformed > limits.malformed => {
            Some(End::LimitReached)
        }
        _ => None,
    }
}

fn lost(error: &dyn std::error::Error, connection: &ConnContext) -> End {
    connection.emit(CaEvent::Lost { error });
    End::Lost
}

/// The end of a wait for the client.
enum Step {
    Done(Want),
    Stopped,
    Displaced,
}

/// Sends pending bytes and receives the next message. Ends early if another connection has got the permit, or if the
/// server stops and no exchange has begun.
async fn step(
    link: &mut ServerLink<'_>,
    stream: &mut TcpStream,
    connection: &ConnContext,
    stop: &mut Stop,
    usage: &Usage,
) -> Result<Step, NetError> {
    let (mut reader, mut writer) = stream.split();
    // `drive` comes first, so that it sends the last answer and reads received bytes. It can be dropped at any time,
    // since the link has the state.
    tokio::select! {
        biased;
        done = drive(link, &mut reader, &mut writer, usage.remaining(connection)) => return done.map(Step::Done),
        () = connection.permit.displaced() => return Ok(Step::Displaced),
        () = stop.wait() => {}
    }
    if idle(link) {
        return Ok(Step::Stopped);
    }
    drive(link, &mut reader, &mut writer, usage.remaining(connection)).await.map(Step::Done)
}

/// Whether there is no exchange, no part of a message and no answer to send.
fn idle(link: &mut ServerLink<'_>) -> bool {
    link.machine().is_idle() && link.to_send().is_empty() && link.space().len() == FRAME
}
