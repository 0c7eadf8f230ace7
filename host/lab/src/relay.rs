//! The relay between two ends. It forwards and records frames, and can change one byte.

use std::io;
use std::num::NonZeroU8;
use std::sync::{Mutex, PoisonError};

use minipki_core::limits::{FRAME_BODY, FRAME_HEADER};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

/// One byte that is changed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The number of the message, from 0.
    pub step: usize,
    /// The number of the byte in its frame, from 0; the first four are the length prefix.
    pub offset: usize,
    /// The bits that change. `None` flips one bit that keeps a base64 character, a digit or a letter in its class. So
    /// the message stays well formed, and a check of its content must find the change.
    pub mask: Option<NonZeroU8>,
}

impl Flip {
    /// The byte that arrives in place of `sent`.
    pub fn apply(&self, sent: u8) -> u8 {
        let keeps_form = match sent {
            b'a'..=b'z' | b'A'..=b'Z' => 0x20,
            b'+' | b'/' => 0x04,
            _ => 0x01,
        };
        sent ^ self.mask.map_or(keeps_form, NonZeroU8::get)
    }
}

/// A forwarded frame.
#[derive(Clone, Debug)]
pub(super) struct Forwarded {
    /// Whether the sender is the side that opened the connection.
    pub(super) from_caller: bool,
    /// The length prefix and the body, as they were sent.
    pub(super) frame: Vec<u8>,
}

/// All forwarded frames, in order.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<Forwarded>>);

impl Log {
    pub(super) fn take(&self) -> Vec<Forwarded> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records a frame, and returns its number, from 0.
    fn push(&self, frame: Forwarded) -> usize {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(frame);
        log.len() - 1
    }
}

/// Forwards frames between two streams until both have ended. Changes one byte of the frame with the number
/// `flip.step`.
pub(super) async fn relay<A, B>(caller: A, called: B, log: &Log, flip: Option<Flip>)
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (from_caller, to_caller) = split(caller);
    let (from_called, to_called) = split(called);
    // If one side is gone, dropping the writer ends the stream to the other side.
    let _ = tokio::join!(
        forward(from_caller, to_called, true, log, flip),
        forward(from_called, to_caller, false, log, flip)
    );
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    from_caller: bool,
    log: &Log,
    flip: Option<Flip>,
) -> io::Result<()> {
    while let Some(mut frame) = frame(&mut from).await? {
        let number = log.push(Forwarded { from_caller, frame: frame.clone() });
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

/// The next frame, with its length prefix; `None` at the end of the stream.
pub(super) async fn frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; FRAME_HEADER];
    if let Err(error) = from.read_exact(&mut header).await {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let len = u32::from_be_bytes(header);
    if len as usize > FRAME_BODY {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no frame of MiniPKI is that long"));
    }
    let mut frame = header.to_vec();
    from.take(len.into()).read_to_end(&mut frame).await?;
    Ok(Some(frame))
}
