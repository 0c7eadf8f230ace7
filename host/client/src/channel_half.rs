//! The halves of an open channel: what comes, and what goes.

use std::fmt;
use std::future::pending;
use std::io;
use std::time::Duration;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::limits::{FRAME_BODY, TAG};
use minipki_core::link::{Direction, LinkOver, Observer};
use minipki_core::noise;
use minipki_core::session::{self, Inbound, Outbound, Received};
use minipki_core::wire::Code;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadHalf, empty, sink};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::sleep;

use super::ClientError;
use minipki_net::trace::Tapped;
use minipki_net::{NetError, drive};
use minipki_provider::HostProvider;

type Link<M> = LinkOver<Vec<u8>, M, Tapped>;

/// A stream's reading half, which may know that the connection is gone though it has read to the end.
pub trait Liveness {
    /// Ends when the operating system says that the connection has failed. May be dropped at any point.
    fn broken(&self) -> impl Future<Output = ()> + Send;
}

impl Liveness for OwnedReadHalf {
    async fn broken(&self) {
        while self.ready(Interest::ERROR).await.is_ok_and(|ready| !ready.is_error()) {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Never: a stream that is split in this way does not tell.
impl<T> Liveness for ReadHalf<T> {
    fn broken(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// What comes from the peer.
pub struct Incoming<R> {
    link: Link<Inbound<HostProvider>>,
    reader: R,
    peer: IdBuf,
    closed: bool,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(super) fn new(link: Link<Inbound<HostProvider>>, reader: R, peer: Id<'_>) -> Self {
        Self { link, reader, peer: peer.into(), closed: false }
    }

    /// A fingerprint of the key that opens what comes, the same as the peer's that seals it; `None`
    /// once a message failed.
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.link.machine().key_fingerprint()
    }

    /// The next message, or `None` once the peer has closed its direction.
    ///
    /// Waits as long as the peer is silent. May be dropped at any point, and called again: nothing is lost.
    ///
    /// # Errors
    /// [`ClientError::Exchange`], after which there are only errors: [`session::Error::Truncated`] if the
    /// stream ended without a close, [`session::Error::Refused`] if the peer refused the handshake after all.
    pub async fn receive(&mut self) -> Result<Option<&[u8]>, ClientError> {
        if self.closed {
            return Ok(None);
        }
        // This half never writes: what it refuses, it refuses silently.
        let driven = drive(&mut self.link, &mut self.reader, &mut sink(), None).await;
        driven.map_err(|source| ClientError::exchange(&self.peer, source))?;
        match self.link.event() {
            Some(Received::Message(range)) => Ok(Some(self.link.body().get(range).unwrap_or_default())),
            Some(Received::Closed) => {
                self.closed = true;
                Ok(None)
            }
            // It has failed before.
            None => Err(ClientError::exchange(&self.peer, session::Error::Noise(noise::Error::Failed))),
        }
    }
}

impl<R: Liveness> Incoming<R> {
    /// Waits, after the peer has closed its direction, until the connection fails; returns that failure.
    pub(super) async fn lost(&self) -> ClientError {
        self.reader.broken().await;
        let seen = "the peer has gone, and the last messages to it may not have arrived";
        ClientError::exchange(&self.peer, io::Error::new(io::ErrorKind::BrokenPipe, seen))
    }
}

/// What goes to the peer. If it is dropped before it is closed, the peer is told of a truncated stream.
pub struct Outgoing<W> {
    link: Link<Outbound<HostProvider>>,
    writer: W,
    peer: IdBuf,
    deadline: Duration,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// The longest message, in bytes: what a frame holds beside the tag.
    pub const LIMIT: usize = FRAME_BODY - TAG;

    pub(super) fn new(
        link: Link<Outbound<HostProvider>>,
        writer: W,
        peer: Id<'_>,
        deadline: Duration,
    ) -> Self {
        Self { link, writer, peer: peer.into(), deadline }
    }

    /// As [`Incoming::key_fingerprint`], of the key that seals what goes.
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.link.machine().key_fingerprint()
    }

    /// Sends a message of 1 to [`Outgoing::LIMIT`] bytes. Waits while the peer reads nothing, up to
    /// [`Deadlines::send`](super::Deadlines::send).
    ///
    /// If it is dropped before it is done, the rest of the message goes ahead of the next one.
    ///
    /// # Errors
    /// [`ClientError::TooLong`], which changes nothing; [`ClientError::Exchange`] with
    /// [`session::Error::Misuse`] for an empty message or after [`Outgoing::close`], with
    /// [`NetError::Deadline`] if the peer reads too slowly, or if the stream failed.
    pub async fn send(&mut self, text: &[u8]) -> Result<(), ClientError> {
        if text.len() > Self::LIMIT {
            return Err(ClientError::TooLong { len: text.len(), limit: Self::LIMIT });
        }
        self.put(text, |half, out| half.seal(text, out)).await
    }

    /// Closes this direction: the peer is told that all has come, and can still send.
    ///
    /// # Errors
    /// [`ClientError::Exchange`] if it is closed already, or the stream failed.
    pub async fn close(&mut self) -> Result<(), ClientError> {
        self.put(&[], Outbound::close).await?;
        self.writer.shutdown().await.map_err(|e| self.failed(e))
    }

    /// Sends a refusal in clear, in the place of the first message, and ends the connection.
    pub(super) async fn refuse<R: AsyncRead + Unpin>(mut self, mut inbound: Incoming<R>, code: Code) {
        let composed = self.link.send(|half, out| half.refuse(code, out));
        if composed.is_ok() && self.flush().await.is_ok() {
            minipki_net::close(&mut inbound.reader, &mut self.writer, &[]).await;
        }
    }

    async fn put(
        &mut self,
        text: &[u8],
        compose: impl FnOnce(&mut Outbound<HostProvider>, &mut [u8]) -> Result<usize, session::Error>,
    ) -> Result<(), ClientError> {
        self.flush().await?;
        self.link.send(compose).map_err(|e| self.failed(e))?;
        self.link.observer().plaintext(Direction::Sent, text);
        self.flush().await
    }

    /// Sends what waits to be sent.
    async fn flush(&mut self) -> Result<(), ClientError> {
        let driven = drive(&mut self.link, &mut empty(), &mut self.writer, Some(self.deadline)).await;
        driven.map(|_| ()).map_err(|e| self.failed(e))
    }

    fn failed(&self, source: impl Into<NetError>) -> ClientError {
        ClientError::exchange(&self.peer, source)
    }
}

impl<R> fmt::Debug for Incoming<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("peer", &self.peer)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl<W> fmt::Debug for Outgoing<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("peer", &self.peer).finish_non_exhaustive()
    }
}
