//! The desk: one thread that owns the authority, and the queue before it.
//!
//! Signing and durable commits take their time, so they are kept off the async threads. What piles
//! up meanwhile is issued together next: under load the cost of a commit is shared, and an idle
//! desk makes nobody wait.

use std::io;
use std::time::Duration;

use minipki_core::cert::IdBuf;
use minipki_core::time::UnixTime;
use tokio::sync::{mpsc, oneshot};

use super::Limits;
use minipki_ca::{Authority, IssueRequest, Issued, Refused, TokenHash};
use minipki_os::clock;

/// Why a desk closed before it was told to. The log has the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Nothing can be issued without what failed, so the server stops rather than refuse for ever.
    #[error("the signer or the ledger failed, as the log says in detail; mend it and start the server again")]
    Failed,
    /// A bug.
    #[error("the issuing thread panicked; this is a bug in minipki, please report it with the log")]
    Panicked,
    /// The thread did not end; most likely the disk does not answer.
    #[error("the issuing thread is stuck; look at the disk that the CA folder is on")]
    Stuck,
}

type Reply<T> = oneshot::Sender<Result<T, Refused>>;

enum Order {
    Tokens { subject: IdBuf, subject_key: [u8; 32], reply: Reply<Vec<TokenHash>> },
    Issue { request: IssueRequest, reply: Reply<Issued> },
}

/// The way to the desk, for connections.
#[derive(Clone)]
pub(super) struct Desk {
    orders: mpsc::Sender<Order>,
    timeout: Duration,
}

/// Ends when the desk has closed.
pub(super) struct Closed(oneshot::Receiver<Result<(), DeskError>>);

impl Desk {
    /// Opens a desk for `authority`. It closes when the last [`Desk`] is dropped, after what
    /// waited is done.
    pub(super) fn open(authority: Authority, limits: &Limits) -> io::Result<(Self, Closed)> {
        let (orders, queue) = mpsc::channel(limits.waiting.max(1));
        let (closing, closed) = oneshot::channel();
        let batch = limits.batch.clamp(1, authority.policy().max_waiting.max(1));
        std::thread::Builder::new().name("desk".into()).spawn(move || {
            // If nobody waits for the end any more, nobody needs to know of it. A panic drops `closing`.
            let _ = closing.send(work(authority, queue, batch));
        })?;
        // A client waits as long as this server does for it: it still hears what becomes of its request.
        Ok((Self { orders, timeout: limits.deadline * 4 / 5 }, Closed(closed)))
    }

    /// The tokens that a proof of `subject` with this key may have been made with.
    pub(super) async fn tokens(
        &self,
        subject: IdBuf,
        subject_key: [u8; 32],
    ) -> Result<Vec<TokenHash>, Refused> {
        self.ask(|reply| Order::Tokens { subject, subject_key, reply }).await
    }

    /// The certificate, once it is on the disk.
    pub(super) async fn issue(&self, request: IssueRequest) -> Result<Issued, Refused> {
        self.ask(|reply| Order::Issue { request, reply }).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        self.orders.try_send(order(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => Refused::Internal,
        })?;
        match tokio::time::timeout(self.timeout, answer).await {
            Err(_) => Err(Refused::Busy),
            // A desk that fails drops its orders.
            Ok(answer) => answer.unwrap_or(Err(Refused::Internal)),
        }
    }
}

impl Closed {
    /// Waits until the desk has closed; may be asked again only after it was cancelled.
    pub(super) async fn wait(&mut self) -> Result<(), DeskError> {
        (&mut self.0).await.unwrap_or(Err(DeskError::Panicked))
    }
}

fn work(mut authority: Authority, mut queue: mpsc::Receiver<Order>, batch: usize) -> Result<(), DeskError> {
    let mut orders = Vec::with_capacity(batch);
    let mut clock_is_wrong = false;
    while queue.blocking_recv_many(&mut orders, batch) > 0 {
        let now = clock::now();
        match &now {
            Err(error) if !clock_is_wrong => tracing::error!(%error, "nothing can be issued for now"),
            Ok(_) if clock_is_wrong => tracing::warn!("the clock can be used again"),
            _ => {}
        }
        clock_is_wrong = now.is_err();
        match now {
            Ok(now) => serve(&mut authority, orders.drain(..), now)?,
            Err(_) => refuse(orders.drain(..)),
        }
    }
    Ok(())
}

/// Does one batch. Look-ups come first: they are quick, and what they lead to joins the next batch.
fn serve(
    authority: &mut Authority,
    orders: impl Iterator<Item = Order>,
    now: UnixTime,
) -> Result<(), DeskError> {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    let mut failed = false;
    for order in orders {
        match order {
            Order::Tokens { subject, subject_key, reply } => {
                let tokens = authority.tokens(subject.as_id(), &subject_key, now);
                failed |= matches!(tokens, Err(Refused::Internal));
                let _ = reply.send(tokens);
            }
            // Whoever has gone away needs no certificate.
            Order::Issue { reply, .. } if reply.is_closed() => {}
            Order::Issue { request, reply } => {
                requests.push(request);
                replies.push(reply);
            }
        }
    }
    let answers = if requests.is_empty() {
        Vec::new()
    } else {
        tracing::debug!(requests = requests.len(), "a batch");
        authority.issue_many(&requests, now)
    };
    for (answer, reply) in answers.into_iter().zip(replies) {
        failed |= matches!(answer, Err(Refused::Internal));
        // It is recorded, whether or not its subject is still there: the same request gets it again.
        let _ = reply.send(answer);
    }
    if failed { Err(DeskError::Failed) } else { Ok(()) }
}

/// Refuses one batch.
fn refuse(orders: impl Iterator<Item = Order>) {
    for order in orders {
        // If nobody waits for an answer any more, nobody needs one.
        match order {
            Order::Tokens { reply, .. } => drop(reply.send(Err(Refused::Busy))),
            Order::Issue { reply, .. } => drop(reply.send(Err(Refused::Busy))),
        }
    }
}
