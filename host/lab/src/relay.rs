//! The relay between two ends: passes frames on, keeps them, and changes one byte if it is told to.

use std::io;
use std::num::NonZeroU8;
use std::sync::{Mutex, PoisonError};

use minipki_core::limits::FRAME_HEADER;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

/// One byte that is changed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The number of the message, from 0.
    pub step: usize,
    /// The number of the byte in its frame, from 0; the first four are the length prefix.
    pub offset: usize,
    /// The bits that change. `None` takes one bit that leaves a character of base64, a digit or a letter what it is, so
    /// that the form of the message stays good and a check of its content has to find the change.
    pub mask: Option<NonZeroU8>,
}

impl Flip {
    /// The byte that arrives where `sent` was sent.
    pub fn apply(&self, sent: u8) -> u8 {
        let keeps_form = match sent {
            b'a'..=b'z' | b'A'..=b'Z' => 0x20,
            b'+' | b'/' => 0x04,
            _ => 0x01,
        };
        sent ^ self.mask.map_or(keeps_form, NonZeroU8::get)
    }
}

/// A frame on its way.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    /// `true` from the side that opened the connection to the other, `false` back.
    pub(super) forth: bool,
    /// Length prefix and body, as they were sent.
    pub(super) frame: Vec<u8>,
}

/// All that has passed, in order.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<Passed>>);

impl Log {
    pub(super) fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps `passed`; returns its number, from 0.
    fn push(&self, passed: Passed) -> usize {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(passed);
        log.len() - 1
    }
}

/// Passes frames between two streams until both have ended. One byte of the frame number `flip.step` changes.
pub(super) async fn relay<A, B>(caller: A, called: B, log: &Log, flip: Option<Flip>)
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (from_caller, to_caller) = split(caller);
    let (from_called, to_called) = split(called);
    // A side that is gone has ended its direction: the other side sees this when the writer is dropped.
    let _ = tokio::join!(
        pass(from_caller, to_called, true, log, flip),
        pass(from_called, to_caller, false, log, flip)
    );
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    forth: bool,
    log: &Log,
    flip: Option<Flip>,
) -> io::Result<()> {
    while let Some(mut frame) = frame(&mut from).await? {
        let number = log.push(Passed { forth, frame: frame.clone() });
        if let Some(flip) = flip.filter(|flip| flip.step == number)
            && let Some(byte) = frame.get_mut(flip.offset)
        {
            *byte = flip.apply(*byte);
        }
        to.write_all(&frame).await?;
        to.flush().await?;
    }
    to.shutdown().await
}

/// The next frame; `None` at the end of the stream. The project's own code wrote the frame, so its length prefix is
/// sound.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; FRAME_HEADER];
    if let Err(error) = from.read_exact(&mut header).await {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let len = u32::from_be_bytes(header);
    let mut frame = header.to_vec();
    from.take(len.into()).read_to_end(&mut frame).await?;
    Ok(Some(frame))
}
