//! A stream that plays back what a peer sent, in pieces of the test's choosing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use embedded_io::{ErrorType, Read, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a stream breaks what passes, in both directions.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// At most this many bytes a call.
    Every(usize),
    /// Once, after this many bytes.
    At(usize),
}

impl Cut {
    /// How many of `wanted` bytes pass in one call, `at` bytes into the stream.
    fn pass(self, at: usize, wanted: usize) -> usize {
        match self {
            Self::Every(most) => wanted.min(most),
            Self::At(cut) if at < cut => wanted.min(cut - at),
            Self::At(_) => wanted,
        }
    }
}

/// Plays `incoming` back and keeps what is written.
pub struct Playback<'a> {
    incoming: &'a [u8],
    read: usize,
    cut: Cut,
    /// Everything that was written.
    pub outgoing: Vec<u8>,
    /// The asynchronous side makes the caller wait before every call that does something.
    waited: bool,
}

impl<'a> Playback<'a> {
    /// A peer that sends `incoming` and then ends its stream.
    pub fn new(incoming: &'a [u8], cut: Cut) -> Self {
        Self { incoming, read: 0, cut, outgoing: Vec::new(), waited: false }
    }

    fn take(&mut self, wanted: usize) -> &'a [u8] {
        let rest = &self.incoming[self.read..];
        let n = self.cut.pass(self.read, wanted.min(rest.len()));
        self.read += n;
        &rest[..n]
    }

    fn put(&mut self, data: &[u8]) -> usize {
        let n = self.cut.pass(self.outgoing.len(), data.len());
        self.outgoing.extend_from_slice(&data[..n]);
        n
    }

    /// True every second time; the first time the caller is woken at once.
    fn ready(&mut self, context: &Context<'_>) -> bool {
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
        }
        !self.waited
    }
}

impl ErrorType for Playback<'_> {
    type Error = Infallible;
}

impl Read for Playback<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let data = self.take(buf.len());
        buf[..data.len()].copy_from_slice(data);
        Ok(data.len())
    }
}

impl Write for Playback<'_> {
    fn write(&mut self, data: &[u8]) -> Result<usize, Infallible> {
        Ok(self.put(data))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl AsyncRead for Playback<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !self.ready(context) {
            return Poll::Pending;
        }
        let data = self.take(buf.remaining());
        buf.put_slice(data);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Playback<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.ready(context) { Poll::Ready(Ok(self.put(data))) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
