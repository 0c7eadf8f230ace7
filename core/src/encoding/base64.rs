//! Base64 (RFC 4648 §4): the standard alphabet, padded, strict, in constant time.
//!
//! Strict means that each byte string has one text: no line breaks, no missing padding, no unused bits that are set.

use core::fmt;

use base64ct::{Base64, Encoding};
use serde::{Serialize, Serializer};

use crate::bytes::BufferTooSmall;

/// The reason why a text is not the expected base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Base64Error {
    /// Not strict base64: a foreign character, or padding that is missing, misplaced or not zero.
    Invalid,
    /// The text holds more bytes than the lent buffer has room for.
    TooLong,
    /// The text holds another number of bytes than its field has.
    WrongLength,
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "not standard base64 with padding (RFC 4648 section 4)",
            Self::TooLong => "the base64 text holds more bytes than there is room for",
            Self::WrongLength => "the base64 text holds another number of bytes than its field has",
        })
    }
}

impl core::error::Error for Base64Error {}

/// The number of characters that encode `bytes` bytes, padding included.
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

/// Writes `data` as base64 to the start of `out`.
///
/// # Errors
/// [`BufferTooSmall`] if `out` is shorter than [`encoded_len`].
pub fn encode<'o>(data: &[u8], out: &'o mut [u8]) -> Result<&'o str, BufferTooSmall> {
    Base64::encode(data, out).map_err(|_| BufferTooSmall)
}

/// Reads `text` into the start of `out`.
///
/// # Errors
/// [`Base64Error::Invalid`], or [`Base64Error::TooLong`] if `out` cannot hold the bytes.
pub fn decode<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], Base64Error> {
    Base64::decode(text, out).map_err(|error| match error {
        base64ct::Error::InvalidLength => Base64Error::TooLong,
        base64ct::Error::InvalidEncoding => Base64Error::Invalid,
    })
}

/// Reads exactly `N` bytes, for example a key or a nonce.
///
/// # Errors
/// [`Base64Error::Invalid`], or [`Base64Error::WrongLength`] for valid base64 of more or fewer bytes.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], Base64Error> {
    let mut bytes = [0; N];
    match decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == N => Ok(bytes),
        Ok(_) | Err(Base64Error::TooLong) => Err(Base64Error::WrongLength),
        Err(error) => Err(error),
    }
}

/// Bytes that are shown and serialized as base64, without a buffer for the whole text.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a>(pub &'a [u8]);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut step = [0; STEP];
        self.0
            .chunks(STEP / 4 * 3)
            .try_for_each(|chunk| f.write_str(encode(chunk, &mut step).map_err(|_| fmt::Error)?))
    }
}

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The number of characters that [`Encoded`] writes at a time: a multiple of four.
const STEP: usize = 64;

/// Decodes base64 in place, and returns the bytes. The buffer behind them holds the rest of the text.
///
/// # Errors
/// [`Base64Error::Invalid`]; the buffer is then partly overwritten.
pub fn decode_in_place(text: &mut [u8]) -> Result<&mut [u8], Base64Error> {
    // base64ct's function of this name accepts set bits under the padding; its function for a lent buffer does not.
    let (quads, rest) = text.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Base64Error::Invalid);
    }
    let last = quads.last().map_or(&[][..], |quad| quad);
    Base64::decode(last, &mut [0; 3]).map_err(|_| Base64Error::Invalid)?;
    let len = Base64::decode_in_place(text).map_err(|_| Base64Error::Invalid)?.len();
    text.get_mut(..len).ok_or(Base64Error::Invalid)
}
