//! The limits of a conversation that neither side ends: silence, the end of a certificate, and a signal.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};

use super::{ChatOptions, Note, Notes, Stop, next_text, stopped};
use crate::{Channel, ClientError, Expiry, Incoming, Outgoing};
use minipki_os::clock;

/// The clocks are looked at this often at least: the machine's own may have been set meanwhile.
const TICK: Duration = Duration::from_secs(1);

/// How long the peer is given to close in its turn, once a limit or a signal has ended the conversation.
const PARTING: Duration = Duration::from_secs(2);

/// The limits of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long both sides may be silent. Then the channel is closed with [`ClientError::Idle`].
    pub idle: Duration,
    /// How long the peer may be silent once our direction is closed; `None` for [`Limits::idle`]. Then
    /// the channel is closed, and nothing is wrong.
    pub parting: Option<Duration>,
    /// Whether the conversation goes on after a certificate has expired. If not, the channel is closed
    /// with [`ClientError::Expired`].
    pub stay_open_after_expiry: bool,
}

impl Default for Limits {
    /// An hour of silence, and closed when a certificate expires.
    fn default() -> Self {
        Self { idle: Duration::from_secs(60 * 60), parting: None, stay_open_after_expiry: false }
    }
}

/// Watches over the limits of one conversation.
pub(super) struct Watch<'n> {
    limits: Limits,
    expiry: Expiry,
    peer: String,
    notes: Notes<'n>,
    stop: Option<&'n Stop>,
    /// When a message went or came last.
    last: Mutex<Instant>,
    /// Whether our direction is closed.
    parting: AtomicBool,
    /// Whether the peer's is.
    peer_closed: AtomicBool,
    /// Whether it is told already that a certificate has expired.
    told: AtomicBool,
}

impl<'n> Watch<'n> {
    pub(super) fn new<R, W>(channel: &Channel<R, W>, options: &ChatOptions<'n>) -> Self {
        Self {
            limits: options.limits,
            expiry: channel.expiry,
            peer: channel.peer.subject_id().to_string(),
            notes: options.notes,
            stop: options.stop,
            last: Mutex::new(Instant::now()),
            parting: AtomicBool::new(false),
            peer_closed: AtomicBool::new(false),
            told: AtomicBool::new(false),
        }
    }

    /// Whether a message may go or come now: one that may is a sign of life.
    ///
    /// # Errors
    /// [`ClientError::Expired`], [`ClientError::Clock`].
    pub(super) fn message(&self) -> Result<(), ClientError> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.certificates()
    }

    /// Says that our direction is closed.
    pub(super) fn part(&self) {
        if let Some(limit) = self.limits.parting
            && !self.peer_closed.load(Relaxed)
        {
            (self.notes)(Note::AwaitingClose { peer: self.peer.clone(), limit });
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.parting.store(true, Relaxed);
    }

    /// Says that the peer's direction is closed.
    pub(super) fn peer_closed(&self) {
        self.peer_closed.store(true, Relaxed);
    }

    /// Ends when the conversation is over by a limit, or is asked to stop.
    ///
    /// # Errors
    /// [`ClientError::Expired`], [`ClientError::Idle`], [`ClientError::Clock`], [`ClientError::Stopped`].
    pub(super) async fn over(&self) -> Result<(), ClientError> {
        loop {
            self.certificates()?;
            let parting = self.limits.parting.filter(|_| self.parting.load(Relaxed));
            let limit = parting.unwrap_or(self.limits.idle);
            let silent = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match limit.checked_sub(silent) {
                Some(rest) if !rest.is_zero() => tokio::select! {
                    signal = self.stopped() => return Err(ClientError::Stopped { signal }),
                    () = sleep(rest.min(TICK)) => {}
                },
                _ if parting.is_some() => {
                    (self.notes)(Note::NotClosed { peer: self.peer.clone(), limit });
                    return Ok(());
                }
                _ => return Err(ClientError::Idle { peer: self.peer.clone(), limit }),
            }
        }
    }

    async fn stopped(&self) -> &'static str {
        match self.stop {
            Some(stop) => stopped(stop).await,
            None => pending().await,
        }
    }

    fn certificates(&self) -> Result<(), ClientError> {
        if clock::now()? <= self.expiry.not_after {
            return Ok(());
        }
        let (peer, expiry) = (self.peer.clone(), self.expiry);
        if !self.limits.stay_open_after_expiry {
            return Err(ClientError::Expired { peer, expiry });
        }
        if !self.told.swap(true, Relaxed) {
            (self.notes)(Note::Expired { peer, expiry });
        }
        Ok(())
    }
}

/// Whether a conversation has ended by itself, by a limit or by a signal, so that the channel is sound and can be closed.
pub(super) const fn ended_in_order(ended: &Result<(), ClientError>) -> bool {
    matches!(
        ended,
        Ok(()) | Err(ClientError::Expired { .. } | ClientError::Idle { .. } | ClientError::Stopped { .. })
    )
}

/// Closes a channel after a limit or a signal has ended its conversation, so that the peer sees an orderly end. After a
/// signal, messages that still arrive are printed; after a limit they are discarded.
pub(super) async fn part(
    ended: &Result<(), ClientError>,
    inbound: &mut Incoming<impl AsyncRead + Unpin>,
    outbound: &mut Outgoing<impl AsyncWrite + Unpin>,
    output: &mut (impl AsyncWrite + Unpin),
    options: &ChatOptions<'_>,
    limits: &Watch<'_>,
) {
    let ending = async {
        // It may be closed already.
        let _ = outbound.close().await;
        if matches!(ended, Err(ClientError::Stopped { .. })) {
            while let Ok(Some(_)) = next_text(inbound, output, options, limits).await {}
        } else {
            while let Ok(Some(_)) = inbound.receive().await {}
        }
    };
    // A peer that takes longer is not waited for.
    let _ = timeout(PARTING, ending).await;
}
