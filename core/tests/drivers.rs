//! The blocking driver and the async one, over streams that are cut at every place.

use std::convert::Infallible;
use std::future::poll_fn;
use std::task::Poll;

use embedded_io::ErrorType;
use embedded_io_async::{Read, Write};
use minipki_core::drive::{drive, drive_async};
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_fixtures::drivers::{self, Driver, Side, poll_ready};
use minipki_fixtures::rsa_keys::rng;
use minipki_fixtures::stream::{Cut, Playback};

struct Blocking;

impl Driver for Blocking {
    fn outgoing<S: Side>(side: &S, incoming: &[u8], cut: Cut) -> Vec<u8> {
        let (mut rx, mut tx, mut rng) = ([0; FRAME], [0; FRAME], rng(9));
        let mut link = Link::new(side.machine(), &mut rx, &mut tx);
        let mut stream = Playback::new(incoming, cut);
        while drive(&mut link, &mut stream) == Ok(Want::Deliver) && side.turn(&mut link, &mut rng) {}
        stream.outgoing
    }
}

/// A stream that makes the caller wait once before each read and each write.
struct Waiting<'a> {
    stream: Playback<'a>,
    waited: bool,
}

impl Waiting<'_> {
    async fn wait(&mut self) {
        poll_fn(|_| {
            self.waited = !self.waited;
            if self.waited { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

impl ErrorType for Waiting<'_> {
    type Error = Infallible;
}

impl Read for Waiting<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        self.wait().await;
        embedded_io::Read::read(&mut self.stream, buf)
    }
}

impl Write for Waiting<'_> {
    async fn write(&mut self, data: &[u8]) -> Result<usize, Infallible> {
        self.wait().await;
        embedded_io::Write::write(&mut self.stream, data)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The async driver, whose future is dropped after `POLLS` polls.
struct Asynchronous<const POLLS: usize>;

impl<const POLLS: usize> Driver for Asynchronous<POLLS> {
    fn outgoing<S: Side>(side: &S, incoming: &[u8], cut: Cut) -> Vec<u8> {
        let (mut rx, mut tx, mut rng) = ([0; FRAME], [0; FRAME], rng(9));
        let mut link = Link::new(side.machine(), &mut rx, &mut tx);
        let mut stream = Waiting { stream: Playback::new(incoming, cut), waited: false };
        while poll_ready(POLLS, async || drive_async(&mut link, &mut stream).await) == Ok(Want::Deliver)
            && side.turn(&mut link, &mut rng)
        {}
        stream.stream.outgoing
    }
}

#[test]
fn enrolment_is_the_same_however_its_bytes_arrive() {
    drivers::enrolment::<Blocking>();
    drivers::enrolment::<Asynchronous<{ usize::MAX }>>();
    drivers::enrolment::<Asynchronous<1>>();
}

#[test]
fn a_renewal_is_the_same_however_its_bytes_arrive() {
    drivers::renewal::<Blocking>();
    drivers::renewal::<Asynchronous<{ usize::MAX }>>();
    drivers::renewal::<Asynchronous<1>>();
}

#[test]
fn a_revocation_by_the_holder_is_the_same_however_its_bytes_arrive() {
    drivers::revocation_by_the_holder::<Blocking>();
    drivers::revocation_by_the_holder::<Asynchronous<{ usize::MAX }>>();
    drivers::revocation_by_the_holder::<Asynchronous<1>>();
}

#[test]
fn a_status_is_the_same_however_its_bytes_arrive() {
    drivers::status::<Blocking>();
    drivers::status::<Asynchronous<{ usize::MAX }>>();
    drivers::status::<Asynchronous<1>>();
}

#[test]
fn a_query_for_a_twin_takes_any_pieces() {
    drivers::x509::<Blocking>();
    drivers::x509::<Asynchronous<{ usize::MAX }>>();
    drivers::x509::<Asynchronous<1>>();
}

#[test]
fn a_query_for_anchors_takes_any_pieces() {
    drivers::anchors::<Blocking>();
    drivers::anchors::<Asynchronous<{ usize::MAX }>>();
    drivers::anchors::<Asynchronous<1>>();
}

#[test]
fn a_handshake_is_the_same_however_its_bytes_arrive() {
    drivers::handshake::<Blocking>();
    drivers::handshake::<Asynchronous<{ usize::MAX }>>();
    drivers::handshake::<Asynchronous<1>>();
}
