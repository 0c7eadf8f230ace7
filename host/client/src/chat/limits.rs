//! The limits that end a conversation if neither side does: silence, an expired or revoked certificate, and a signal.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{ChatOptions, Note, Notes, PeerRevocation, Stop, next_text, sent};
use crate::{Channel, ClientError, Expiry, Incoming, Outgoing};
use minipki_os::clock;

/// The maximum time between two checks of the clock: somebody may set the machine's clock.
const TICK: Duration = Duration::from_secs(1);

/// The time that the peer has to close its direction after a limit or a signal has ended the conversation.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The limits of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time for which both sides may be silent. Then the channel is closed with [`ClientError::Idle`].
    pub idle: Duration,
    /// The time for which the peer may be silent after we have closed our direction; `None` for [`Limits::idle`].
    /// Then the channel is closed without an error.
    pub after_close: Option<Duration>,
    /// Whether the conversation continues after a certificate has expired. If not, the channel is closed with
    /// [`ClientError::Expired`].
    pub stay_open_after_expiry: bool,
}

impl Default for Limits {
    /// One hour of silence. The channel is closed when a certificate expires.
    fn default() -> Self {
        Self { idle: Duration::from_secs(60 * 60), after_close: None, stay_open_after_expiry: false }
    }
}

/// Enforces the limits of one conversation.
pub(super) struct Watch<'n> {
    limits: Limits,
    expiry: Expiry,
    peer: String,
    notes: Notes<'n>,
    stop: Option<&'n Stop>,
    revoked: Option<&'n PeerRevocation>,
    /// The time of the last message in either direction.
    last: Mutex<Instant>,
    /// Whether our direction is closed.
    own_closed: AtomicBool,
    /// Whether the peer's direction is closed.
    peer_closed: AtomicBool,
    /// Whether the expiry of a certificate has been noted.
    expiry_noted: AtomicBool,
}

impl<'n> Watch<'n> {
    pub(super) fn new<R, W>(channel: &Channel<R, W>, options: &ChatOptions<'n>) -> Self {
        Self {
            limits: options.limits,
            expiry: channel.expiry,
            peer: channel.peer.subject_id().to_string(),
            notes: options.notes,
            stop: options.stop,
            revoked: options.revoked,
            last: Mutex::new(Instant::now()),
            own_closed: AtomicBool::new(false),
            peer_closed: AtomicBool::new(false),
            expiry_noted: AtomicBool::new(false),
        }
    }

    /// Records a message in either direction, and checks that it is allowed now.
    ///
    /// # Errors
    /// [`ClientError::Expired`], [`ClientError::Clock`].
    pub(super) fn message(&self) -> Result<(), ClientError> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.check_expiry()
    }

    /// Records that our direction is closed.
    pub(super) fn own_closed(&self) {
        if let Some(limit) = self.limits.after_close
            && !self.peer_closed.load(Relaxed)
        {
            (self.notes)(Note::AwaitingClose { peer: self.peer.clone(), limit });
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.own_closed.store(true, Relaxed);
    }

    /// Records that the peer's direction is closed.
    pub(super) fn peer_closed(&self) {
        self.peer_closed.store(true, Relaxed);
    }

    /// Returns when a limit or a signal ends the conversation.
    ///
    /// # Errors
    /// [`ClientError::Expired`], [`ClientError::PeerRevoked`], [`ClientError::Idle`], [`ClientError::Clock`],
    /// [`ClientError::Stopped`].
    pub(super) async fn over(&self) -> Result<(), ClientError> {
        loop {
            self.check_expiry()?;
            let after_close = self.limits.after_close.filter(|_| self.own_closed.load(Relaxed));
            let limit = after_close.unwrap_or(self.limits.idle);
            let silent = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match limit.checked_sub(silent) {
                Some(rest) if !rest.is_zero() => tokio::select! {
                    signal = wait(self.stop) => return Err(ClientError::Stopped { signal }),
                    revocation = wait(self.revoked) => {
                        return Err(ClientError::PeerRevoked { peer: self.peer.clone(), revocation });
                    }
                    () = sleep(rest.min(TICK)) => {}
                },
                _ if after_close.is_some() => {
                    (self.notes)(Note::NotClosed { peer: self.peer.clone(), limit });
                    return Ok(());
                }
                _ => return Err(ClientError::Idle { peer: self.peer.clone(), limit }),
            }
        }
    }

    fn check_expiry(&self) -> Result<(), ClientError> {
        if clock::now()? <= self.expiry.not_after {
            return Ok(());
        }
        let (peer, expiry) = (self.peer.clone(), self.expiry);
        if !self.limits.stay_open_after_expiry {
            return Err(ClientError::Expired { peer, expiry });
        }
        if !self.expiry_noted.swap(true, Relaxed) {
            (self.notes)(Note::Expired { peer, expiry });
        }
        Ok(())
    }
}

/// Waits for a value. Waits for ever without a receiver.
async fn wait<T: Copy>(values: Option<&watch::Receiver<Option<T>>>) -> T {
    match values {
        Some(values) => sent(values).await,
        None => pending().await,
    }
}

/// Whether a conversation has ended without a failure of the channel, so that the channel can be closed.
pub(super) const fn ended_in_order(ended: &Result<(), ClientError>) -> bool {
    matches!(
        ended,
        Ok(())
            | Err(ClientError::Expired { .. }
                | ClientError::PeerRevoked { .. }
                | ClientError::Idle { .. }
                | ClientError::Stopped { .. })
    )
}

/// Closes a channel after a limit or a signal has ended its conversation, so that the peer sees an orderly end. After a
/// signal, messages that still arrive are printed. After a limit they are discarded.
pub(super) async fn close(
    ended: &Result<(), ClientError>,
    inbound: &mut Incoming<impl AsyncRead + Unpin>,
    outbound: &mut Outgoing<impl AsyncWrite + Unpin>,
    output: &mut (impl AsyncWrite + Unpin),
    options: &ChatOptions<'_>,
    limits: &Watch<'_>,
) {
    let closing = async {
        // Our direction may be closed already.
        let _ = outbound.close().await;
        if matches!(ended, Err(ClientError::Stopped { .. })) {
            while let Ok(Some(_)) = next_text(inbound, output, options, limits).await {}
        } else {
            while let Ok(Some(_)) = inbound.receive().await {}
        }
    };
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}
