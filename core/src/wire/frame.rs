//! Frames: a 4-byte big-endian length, then that many bytes (protocol §1).

use core::fmt;

use crate::limits::FRAME_HEADER;

/// A length prefix that is refused before a byte of the body is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FrameError {
    /// The frame announces no body at all.
    Empty,
    /// The frame announces more than the receiver takes.
    TooLong {
        /// Length announced, in bytes.
        announced: u32,
        /// Most that the receiver takes, in bytes.
        limit: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a frame of length 0; every frame has a body"),
            Self::TooLong { announced, limit } => {
                write!(f, "a frame of {announced} bytes; the limit here is {limit}")
            }
        }
    }
}

impl core::error::Error for FrameError {}

/// The length prefix of a body of `len` bytes, or `None` if no frame can hold it.
pub fn header(len: usize) -> Option<[u8; FRAME_HEADER]> {
    u32::try_from(len).ok().filter(|&len| len > 0).map(u32::to_be_bytes)
}

/// The body's length that `header` announces.
///
/// # Errors
/// [`FrameError`] for a length of 0 or above `limit`.
pub fn body_len(header: [u8; FRAME_HEADER], limit: usize) -> Result<usize, FrameError> {
    let announced = u32::from_be_bytes(header);
    match usize::try_from(announced) {
        Ok(0) => Err(FrameError::Empty),
        Ok(len) if len <= limit => Ok(len),
        _ => Err(FrameError::TooLong { announced, limit }),
    }
}
