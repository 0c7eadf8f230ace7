//! The receiving and the sending half of an open channel.

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

/// A stream's reading half that may detect a failed connection after it has read to the end.
pub trait Liveness {
    /// Returns when the operating system reports that the connection has failed. Cancel-safe.
    fn broken(&self) -> impl Future<Output = ()> + Send;
}

impl Liveness for OwnedReadHalf {
    async fn broken(&self) {
        while self.ready(Interest::ERROR).await.is_ok_and(|ready| !ready.is_error()) {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Never returns: this kind of stream does not report failures.
impl<T> Liveness for ReadHalf<T> {
    fn broken(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// The receiving half of a channel.
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

    /// The fingerprint of the key that decrypts. The peer's sending half has the same. `None` after a message has
    /// failed.
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.link.machine().key_fingerprint()
    }

    /// Receives the next message; `None` after the peer has closed its direction.
    ///
    /// Waits without a limit while the peer is silent. Cancel-safe.
    ///
    /// # Errors
    /// [`ClientError::Exchange`]; then each further call fails too. [`session::Error::Truncated`] if the stream ended
    /// without a close, [`session::Error::Refused`] if the peer refused after the handshake.
    pub async fn receive(&mut self) -> Result<Option<&[u8]>, ClientError> {
        if self.closed {
            return Ok(None);
        }
        // This half never writes, so it refuses without an answer.
        let driven = drive(&mut self.link, &mut self.reader, &mut sink(), None).await;
        driven.map_err(|source| ClientError::exchange(&self.peer, source))?;
        match self.link.event() {
            Some(Received::Message(range)) => Ok(Some(self.link.body().get(range).unwrap_or_default())),
            Some(Received::Closed) => {
                self.closed = true;
                Ok(None)
            }
            // An earlier call has failed.
            None => Err(ClientError::exchange(&self.peer, session::Error::Noise(noise::Error::Failed))),
        }
    }
}

impl<R: Liveness> Incoming<R> {
    /// Waits until the connection fails after the peer has closed its direction. Returns that failure.
    pub(super) async fn lost(&self) -> ClientError {
        self.reader.broken().await;
        let seen = "the peer has gone, and the last messages to it may not have arrived";
        ClientError::exchange(&self.peer, io::Error::new(io::ErrorKind::BrokenPipe, seen))
    }
}

/// The sending half of a channel. If it is dropped before it is closed, the peer sees a truncated stream.
pub struct Outgoing<W> {
    link: Link<Outbound<HostProvider>>,
    writer: W,
    peer: IdBuf,
    deadline: Duration,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// The maximum length of a message in bytes: the body of a frame without the tag.
    pub const LIMIT: usize = FRAME_BODY - TAG;

    pub(super) fn new(
        link: Link<Outbound<HostProvider>>,
        writer: W,
        peer: Id<'_>,
        deadline: Duration,
    ) -> Self {
        Self { link, writer, peer: peer.into(), deadline }
    }

    /// The fingerprint of the key that encrypts, as [`Incoming::key_fingerprint`].
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.link.machine().key_fingerprint()
    }

    /// Sends a message of 1 to [`Outgoing::LIMIT`] bytes. Waits while the peer reads nothing, up to
    /// [`Deadlines::send`](super::Deadlines::send).
    ///
    /// If the call is cancelled, the next call first sends the rest of this message.
    ///
    /// # Errors
    /// [`ClientError::TooLong`]; then nothing is sent and the channel can still be used. [`ClientError::Exchange`] with
    /// [`session::Error::Misuse`] for an empty message or after [`Outgoing::close`], with [`NetError::Deadline`] if the
    /// peer reads too slowly, or with the failure of the stream.
    pub async fn send(&mut self, text: &[u8]) -> Result<(), ClientError> {
        if text.len() > Self::LIMIT {
            return Err(ClientError::TooLong { len: text.len(), limit: Self::LIMIT });
        }
        self.put(text, |half, out| half.seal(text, out)).await
    }

    /// Closes this direction. The peer knows then that it has received everything, and can still send.
    ///
    /// # Errors
    /// [`ClientError::Exchange`] if this direction is closed already, or the stream failed.
    pub async fn close(&mut self) -> Result<(), ClientError> {
        self.put(&[], Outbound::close).await?;
        self.writer.shutdown().await.map_err(|e| self.failed(e))
    }

    /// Sends a refusal without encryption in place of the first message, and ends the connection.
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

    /// Sends the bytes that wait to be sent.
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
