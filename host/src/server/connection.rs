//! One connection, from its first byte to its last.

use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_core::session::{Asked, EnrolServer, Fault};
use minipki_core::wire::Code;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::answer::{Conversation, answer, refuse};
use super::context::Visit;
use crate::crypto::Chosen;
use crate::net::{NetError, close, drive};
use crate::trace::Traced;
use crate::trace::events::What;

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
    /// After a bad length prefix nothing that follows can be trusted to be a frame.
    BadFrame,
    /// It wants more requests than a connection may have.
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
            Self::BadFrame => "closed after a bad frame",
            Self::SpentOut => "closed after too many requests",
            Self::Lost => "lost within a message or an exchange",
            Self::Broken => "closed: an answer could not be written",
        }
    }
}

/// Serves the client at the other end of `stream` until one of the two is done.
pub(super) async fn serve(mut stream: TcpStream, visit: &Visit, mut stop: Stop) {
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let machine = EnrolServer::<Chosen>::new(visit.issuer);
    let mut link = Link::new(Traced::new(machine, visit.reporter.tap(visit.tap.clone())), &mut rx, &mut tx);
    let mut requests = 0;
    let end = converse(&mut link, &mut stream, visit, &mut stop, &mut requests).await;
    tracing::debug!(?end, requests, "closing");
    visit.reporter.tell(|| What::Left { how: end.words() });
    if matches!(end, End::BadFrame | End::SpentOut) {
        let (mut reader, mut writer) = stream.split();
        close(&mut reader, &mut writer, link.to_send()).await;
    }
}

async fn converse(
    link: &mut Conversation<'_>,
    stream: &mut TcpStream,
    visit: &Visit,
    stop: &mut Stop,
    requests: &mut usize,
) -> End {
    loop {
        let end = match step(link, stream, visit, stop).await {
            Ok(Some(Want::Deliver)) => reply(link, visit, requests).await,
            Ok(Some(_)) => Some(End::Left),
            Ok(None) => Some(End::Stopped),
            Err(NetError::Fault(fault)) => {
                *requests += 1;
                misread(fault, *requests, visit)
            }
            Err(error) => {
                tracing::info!(%error, "lost");
                Some(End::Lost)
            }
        };
        if let Some(end) = end {
            return end;
        }
    }
}

/// Puts the answer to what was just asked into the link.
async fn reply(link: &mut Conversation<'_>, visit: &Visit, requests: &mut usize) -> Option<End> {
    let event = link.event();
    // A proof belongs to the request that led to it.
    *requests += usize::from(event != Some(Asked::Proven));
    let spent = *requests > visit.limits.requests;
    let written = match event {
        Some(_) if spent => refuse(link, Code::Busy),
        Some(asked) => answer(link, asked, visit).await,
        None => Err(Fault::OutOfTurn),
    };
    match written {
        Ok(()) => spent.then_some(End::SpentOut),
        Err(fault) => {
            tracing::error!(%fault, "an answer could not be written");
            Some(End::Broken)
        }
    }
}

/// What a message that failed a check means for its connection. The client has been told already.
fn misread(fault: Fault, requests: usize, visit: &Visit) -> Option<End> {
    let Some(code) = fault.code() else {
        tracing::info!(%fault, "lost");
        return Some(End::Lost);
    };
    visit.counts.refused.add();
    tracing::info!(%code, reason = %fault, "refused");
    visit.reporter.tell(|| What::Refused { subject: None, code: code.as_str(), reason: fault.to_string() });
    match fault {
        Fault::Frame(_) => Some(End::BadFrame),
        _ if requests > visit.limits.requests => Some(End::SpentOut),
        _ => None,
    }
}

/// Sends what waits and receives the next message; `None` if the server is to stop and nothing is
/// under way here.
async fn step(
    link: &mut Conversation<'_>,
    stream: &mut TcpStream,
    visit: &Visit,
    stop: &mut Stop,
) -> Result<Option<Want>, NetError> {
    let (mut reader, mut writer) = stream.split();
    let deadline = Some(visit.limits.deadline);
    // Driving comes first, so that what has been answered is sent and what has arrived is read.
    // It may be dropped at any point: the link knows how far it got.
    tokio::select! {
        biased;
        done = drive(link, &mut reader, &mut writer, deadline) => return done.map(Some),
        () = stop.wait() => {}
    }
    if idle(link) { Ok(None) } else { drive(link, &mut reader, &mut writer, deadline).await.map(Some) }
}

/// Whether nothing was begun: no exchange, no part of a message, no answer on its way.
fn idle(link: &mut Conversation<'_>) -> bool {
    link.machine().inner.subject().is_none() && link.to_send().is_empty() && link.space().len() == FRAME
}
