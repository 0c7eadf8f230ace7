//! The asynchronous driver, over streams that are divided at every position and wait before each call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_fixtures::drivers::{self, Driver, Side, poll_ready};
use minipki_fixtures::rsa_keys::rng;
use minipki_fixtures::stream::{Cut, Playback};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that is pending once before each read and each write.
struct Waiting<'a> {
    stream: Playback<'a>,
    waited: bool,
}

impl<'a> Waiting<'a> {
    fn new(incoming: &'a [u8], cut: Cut) -> Self {
        Self { stream: Playback::new(incoming, cut), waited: false }
    }

    /// Returns true at every second call. The other calls wake the task at once.
    fn ready(&mut self, context: &Context<'_>) -> bool {
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
        }
        !self.waited
    }
}

impl AsyncRead for Waiting<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ready(context) {
            return Poll::Pending;
        }
        let data = self.stream.take(buf.remaining());
        buf.put_slice(data);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Waiting<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.ready(context) { Poll::Ready(Ok(self.stream.put(data))) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The driver. Its future is dropped after `POLLS` polls.
struct Asynchronous<const POLLS: usize>;

impl<const POLLS: usize> Driver for Asynchronous<POLLS> {
    fn outgoing<S: Side>(side: &S, incoming: &[u8], cut: Cut) -> Vec<u8> {
        let (mut rx, mut tx, mut rng) = ([0; FRAME], [0; FRAME], rng(9));
        let mut link = Link::new(side.machine(), &mut rx, &mut tx);
        let (mut reader, mut writer) = (Waiting::new(incoming, cut), Waiting::new(&[], cut));
        while let Ok(Want::Deliver) =
            poll_ready(POLLS, async || minipki_net::drive(&mut link, &mut reader, &mut writer, None).await)
            && side.turn(&mut link, &mut rng)
        {}
        writer.stream.outgoing
    }
}

#[test]
fn enrolment_is_the_same_however_its_bytes_arrive() {
    drivers::enrolment::<Asynchronous<{ usize::MAX }>>();
    drivers::enrolment::<Asynchronous<1>>();
}

#[test]
fn a_request_to_a_ca_is_the_same_however_its_bytes_arrive() {
    drivers::renewal::<Asynchronous<1>>();
    drivers::revocation_by_the_holder::<Asynchronous<1>>();
    drivers::status::<Asynchronous<1>>();
    drivers::anchors::<Asynchronous<1>>();
    drivers::x509::<Asynchronous<1>>();
}

#[test]
fn a_handshake_is_the_same_however_its_bytes_arrive() {
    drivers::handshake::<Asynchronous<{ usize::MAX }>>();
    drivers::handshake::<Asynchronous<1>>();
}
