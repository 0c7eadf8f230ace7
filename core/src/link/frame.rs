//! Frames: the division of a stream of bytes into bodies.

use core::fmt;

use crate::limits::FRAME_HEADER;

/// A way to divide a stream into bodies: each body follows a header that announces its length.
pub trait Framing {
    /// The reason why a header is refused. After it, the stream cannot be divided into frames any more.
    type Error;

    /// Length of a header, in bytes.
    const HEADER: usize;

    /// Fills `header`, of [`Framing::HEADER`] bytes, for a body of `len` bytes. Returns `None` if no frame can hold
    /// that body.
    fn write_header(len: usize, header: &mut [u8]) -> Option<()>;

    /// The length of the body of the frame at the start of `received`, in bytes; `None` until its header has arrived.
    ///
    /// # Errors
    /// A header that announces no body, or a body above `limit` bytes.
    fn body_len(received: &[u8], limit: usize) -> Result<Option<usize>, Self::Error>;
}

/// The framing of the protocol: a 4-byte big-endian length, then that many bytes (protocol §1).
#[derive(Clone, Copy, Debug)]
pub enum LengthPrefix {}

/// A length prefix that is refused before a byte of the body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The frame announces no body.
    Empty,
    /// The frame announces a longer body than the receiver accepts.
    TooLong {
        /// The announced length, in bytes.
        announced: u32,
        /// The greatest length that the receiver accepts, in bytes.
        limit: usize,
    },
}

impl Framing for LengthPrefix {
    type Error = Error;

    const HEADER: usize = FRAME_HEADER;

    fn write_header(len: usize, out: &mut [u8]) -> Option<()> {
        *out.first_chunk_mut()? = header(len)?;
        Some(())
    }

    fn body_len(received: &[u8], limit: usize) -> Result<Option<usize>, Error> {
        let Some(header) = received.first_chunk() else { return Ok(None) };
        let announced = u32::from_be_bytes(*header);
        match usize::try_from(announced) {
            Ok(0) => Err(Error::Empty),
            Ok(len) if len <= limit => Ok(Some(len)),
            _ => Err(Error::TooLong { announced, limit }),
        }
    }
}

/// The length prefix of a body of `len` bytes, or `None` if no frame can hold that body.
pub fn header(len: usize) -> Option<[u8; FRAME_HEADER]> {
    u32::try_from(len).ok().filter(|&len| len > 0).map(u32::to_be_bytes)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a frame of length 0; every frame has a body"),
            Self::TooLong { announced, limit } => {
                write!(f, "a frame of {announced} bytes; the limit here is {limit}")
            }
        }
    }
}

impl core::error::Error for Error {}
