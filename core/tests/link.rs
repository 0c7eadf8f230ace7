//! The link alone, with a machine, errors and a framing that are not of the protocol, and an observer.

use std::cell::RefCell;

use minipki_core::link::{
    Direction, Framing, LinkOver, Machine, Misuse, Next, Observer, Truncated, Want, frame,
};

/// A framing with a length of one byte.
#[derive(Debug)]
enum OneByte {}

/// A length above the limit.
#[derive(Debug, PartialEq, Eq)]
struct TooLong;

impl Framing for OneByte {
    type Error = TooLong;

    const HEADER: usize = 1;

    fn write_header(len: usize, header: &mut [u8]) -> Option<()> {
        *header.first_mut()? = u8::try_from(len).ok()?;
        Some(())
    }

    fn body_len(received: &[u8], limit: usize) -> Result<Option<usize>, TooLong> {
        let Some(len) = received.first().copied().map(usize::from) else { return Ok(None) };
        if len <= limit { Ok(Some(len)) } else { Err(TooLong) }
    }
}

/// The errors of [`Upper`].
#[derive(Debug, PartialEq, Eq)]
enum Error {
    Frame,
    NotLower,
    Misuse(Misuse),
    Truncated,
}

impl From<TooLong> for Error {
    fn from(_: TooLong) -> Self {
        Self::Frame
    }
}

impl From<frame::Error> for Error {
    fn from(_: frame::Error) -> Self {
        Self::Frame
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<Truncated> for Error {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// A machine that turns lower-case letters into capitals in place, and refuses other bytes with `?`.
struct Upper;

impl Machine for Upper {
    type Event = usize;
    type Error = Error;

    fn next(&self) -> Next {
        Next::Read
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<usize>, Error> {
        if !body.iter().all(u8::is_ascii_lowercase) {
            return Err(Error::NotLower);
        }
        body.make_ascii_uppercase();
        Ok(Some(body.len()))
    }

    fn write_refusal(&mut self, error: &Error, out: &mut [u8]) -> Option<usize> {
        if *error == Error::NotLower || *error == Error::Frame {
            *out.first_mut()? = b'?';
            return Some(1);
        }
        None
    }

    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        (!body.is_empty()).then_some(body)
    }
}

/// An observer that keeps a list of the messages.
#[derive(Default)]
struct Notes(RefCell<Vec<String>>);

impl Observer for Notes {
    fn frame(&self, direction: Direction, body: &[u8]) {
        self.0.borrow_mut().push(format!("{direction:?} {}", String::from_utf8_lossy(body)));
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        self.0.borrow_mut().push(format!("{direction:?} means {}", String::from_utf8_lossy(text)));
    }
}

type Short<O = ()> = LinkOver<Vec<u8>, Upper, O, OneByte>;

fn short<O: Observer>(observer: O) -> Short<O> {
    LinkOver::observed(Upper, vec![0; 9], vec![0; 9], observer)
}

fn give<O: Observer>(link: &mut Short<O>, bytes: &[u8]) {
    link.space()[..bytes.len()].copy_from_slice(bytes);
    link.received(bytes.len());
}

/// Takes the bytes that `link` has to send.
fn taken<O: Observer>(link: &mut Short<O>) -> Vec<u8> {
    assert_eq!(link.want(), Ok(Want::Send));
    let bytes = link.to_send().to_vec();
    link.sent(bytes.len());
    bytes
}

#[test]
fn another_framing_divides_the_stream_and_is_written_too() {
    let mut link = short(());
    give(&mut link, b"\x03abc\x02d");
    assert_eq!(link.want(), Ok(Want::Deliver));
    assert_eq!((link.event(), link.body()), (Some(3), &b"ABC"[..]));
    assert_eq!(link.want(), Ok(Want::Receive));
    give(&mut link, b"e");
    assert_eq!(link.want(), Ok(Want::Deliver));
    assert_eq!((link.event(), link.body()), (Some(2), &b"DE"[..]));
    link.send(|_, out| {
        out[0] = b'x';
        Ok(1)
    })
    .expect("room");
    assert_eq!(taken(&mut link), b"\x01x");
}

#[test]
fn a_refusal_is_sent_first_and_the_stream_continues() {
    let mut link = short(());
    give(&mut link, b"\x01A\x01b");
    assert_eq!(taken(&mut link), b"\x01?");
    assert_eq!(link.want(), Err(Error::NotLower));
    assert_eq!(link.want(), Ok(Want::Deliver));
    assert_eq!((link.event(), link.body()), (Some(1), &b"B"[..]));
}

#[test]
fn after_a_bad_header_nothing_is_read() {
    let mut link = short(());
    give(&mut link, b"\x09\x01b");
    assert_eq!(taken(&mut link), b"\x01?");
    assert_eq!(link.want(), Err(Error::Frame));
    assert_eq!(link.want(), Ok(Want::Finished));
}

#[test]
fn a_stream_that_ends_within_a_frame_or_before_the_machine_does_is_truncated() {
    let mut within = short(());
    give(&mut within, b"\x02a");
    for mut link in [within, short(())] {
        assert_eq!(link.want(), Ok(Want::Receive));
        link.received(0);
        assert_eq!(link.want(), Err(Error::Truncated));
        assert_eq!(link.want(), Ok(Want::Finished));
    }
}

#[test]
fn a_misuse_changes_nothing() {
    let mut link = short(());
    assert_eq!(link.send(|_, _| Ok(9)), Err(Error::Misuse(Misuse::BufferTooSmall)));
    link.send(|_, out| {
        out[..2].copy_from_slice(b"hi");
        Ok(2)
    })
    .expect("room");
    assert_eq!(link.send(|_, _| Ok(1)), Err(Error::Misuse(Misuse::OutOfTurn)));
    assert_eq!(taken(&mut link), b"\x02hi");

    let mut none: LinkOver<Vec<u8>, Upper> = LinkOver::new(Upper, vec![0; 8], vec![0; 8]);
    assert_eq!(none.send(|_, _| Ok(0)), Err(Error::Misuse(Misuse::BufferTooSmall)), "no frame is empty");
    assert_eq!(frame::header(0), None);
}

#[test]
fn an_observer_sees_each_frame_and_its_plaintext() {
    let notes = Notes::default();
    let mut link = short(&notes);
    give(&mut link, b"\x02ab\x01C");
    assert_eq!(link.want(), Ok(Want::Deliver));
    link.event();
    link.send(|_, out| {
        out[0] = b'y';
        Ok(1)
    })
    .expect("room");
    taken(&mut link);
    taken(&mut link);
    assert_eq!(link.want(), Err(Error::NotLower));
    let seen = ["Received ab", "Received means AB", "Sent y", "Received C", "Received means C", "Sent ?"];
    assert_eq!(*notes.0.borrow(), seen);
}

#[test]
fn both_halves_keep_the_observer_and_what_has_arrived() {
    let notes = Notes::default();
    let mut link = short(&notes);
    give(&mut link, b"\x01a\x01b");
    assert_eq!(link.want(), Ok(Want::Deliver));
    let (mut receiver, mut sender, ()) = link.split(|_| Some((Upper, Upper, ()))).expect("two halves");
    assert_eq!(receiver.want(), Ok(Want::Deliver));
    assert_eq!((receiver.event(), receiver.body()), (Some(1), &b"B"[..]));
    sender
        .send(|_, out| {
            out[0] = b'z';
            Ok(1)
        })
        .expect("room");
    assert_eq!(taken(&mut sender), b"\x01z");
    let seen = ["Received a", "Received means A", "Received b", "Received means B", "Sent z"];
    assert_eq!(*notes.0.borrow(), seen);
    assert!(short(()).split::<Upper, Upper, ()>(|_| None).is_none());
}
