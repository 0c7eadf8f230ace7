//! Base64 (RFC 4648 §4): the standard alphabet, padded, strict, in constant time.
//!
//! Strict means that each byte string has one text: no line breaks, no missing
//! padding, no bits set that the padding leaves over.
//!
//! Every key and certificate passes here, on a chip at a cost that counts: written for a compiler that keeps code
//! small, which makes of `base64ct`'s generic steps a loop for each character.

use core::fmt;

use serde::{Serialize, Serializer};

use crate::bytes::Full;

/// Why a text is not the base64 that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base64Error {
    /// Not strict base64: a foreign character, or padding that is missing, misplaced or not zero.
    Invalid,
    /// It stands for more bytes than the buffer lent for them holds.
    TooLong,
    /// It stands for another number of bytes than its field has.
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

/// Characters that `bytes` bytes take up, padding included.
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

/// Writes `data` as base64 to the start of `out`.
///
/// # Errors
/// [`Full`] if `out` is shorter than [`encoded_len`] says.
pub fn encode<'o>(data: &[u8], out: &'o mut [u8]) -> Result<&'o str, Full> {
    let out = out.get_mut(..encoded_len(data.len())).ok_or(Full)?;
    for (bytes, quad) in data.chunks(3).zip(out.as_chunks_mut().0) {
        let byte = |at: usize| bytes.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        *quad = [18, 12, 6, 0].map(|shift| character(bits >> shift & 63));
        for padding in quad.iter_mut().skip(bytes.len() + 1) {
            *padding = PADDING;
        }
    }
    // Never falls back: all of it is ASCII.
    Ok(str::from_utf8(out).unwrap_or_default())
}

/// Reads `text` into the start of `out`.
///
/// # Errors
/// [`Base64Error::Invalid`], or [`Base64Error::TooLong`] if `out` cannot hold the bytes.
pub fn decode<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], Base64Error> {
    let (len, quads) = shape(text.as_bytes())?;
    let out = out.get_mut(..len).ok_or(Base64Error::TooLong)?;
    let mut faults = 0;
    for (quad, place) in quads.iter().zip(out.chunks_mut(3)) {
        let (bytes, fault) = decode_quad(*quad);
        place.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        faults |= fault;
    }
    if faults == 0 { Ok(out) } else { Err(Base64Error::Invalid) }
}

/// Reads exactly `N` bytes, such as a key or a nonce.
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

/// Bytes that are written as base64 where they are shown or serialized, with no buffer for the whole.
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

/// Characters encoded at a time where the whole is not: a multiple of four.
const STEP: usize = 64;

const PADDING: u8 = b'=';

/// Turns base64 into the bytes it stands for, in the same buffer, and returns them.
///
/// What follows them in the buffer afterwards is what is left of the text.
///
/// # Errors
/// [`Base64Error::Invalid`]; the buffer is then partly overwritten.
pub fn decode_in_place(text: &mut [u8]) -> Result<&mut [u8], Base64Error> {
    let (len, quads) = shape(text)?;
    let count = quads.len();
    let mut faults = 0;
    for at in 0..count {
        let quad = text.get(4 * at..).and_then(<[u8]>::first_chunk).ok_or(Base64Error::Invalid)?;
        let (bytes, fault) = decode_quad(*quad);
        let place = text.get_mut(3 * at..).and_then(<[u8]>::first_chunk_mut);
        *place.ok_or(Base64Error::Invalid)? = bytes;
        faults |= fault;
    }
    let bytes = text.get_mut(..len).ok_or(Base64Error::Invalid)?;
    if faults == 0 { Ok(bytes) } else { Err(Base64Error::Invalid) }
}

/// The bytes that `text` stands for by its length and padding, and its quads, with padding in the last alone.
fn shape(text: &[u8]) -> Result<(usize, &[[u8; 4]]), Base64Error> {
    let (quads, rest) = text.as_chunks();
    let padding = match quads {
        [whole @ .., [_, _, third, last]] => {
            let padded = whole.iter().any(|[.., last]| *last == PADDING);
            let padding = usize::from(*last == PADDING) * (1 + usize::from(*third == PADDING));
            if padded { return Err(Base64Error::Invalid) } else { padding }
        }
        [] => 0,
    };
    if rest.is_empty() { Ok((3 * quads.len() - padding, quads)) } else { Err(Base64Error::Invalid) }
}

/// Three bytes of four characters, of which the last ones may be padding; and not 0 where anything is wrong.
///
/// The time depends on where padding is, and on nothing else: no table, no branch on another character.
fn decode_quad(quad: [u8; 4]) -> ([u8; 3], u32) {
    let [a, b, c, d] = quad.map(sextet);
    let (c, d, unused) = match quad {
        [_, _, PADDING, PADDING] => (0, 0, 0xffff),
        [_, _, _, PADDING] => (c, 0, 0xff),
        _ => (c, d, 0),
    };
    let bits = a << 18 | b << 12 | c << 6 | d;
    let foreign = (a | b | c | d) >> 6;
    ([(bits >> 16) as u8, (bits >> 8) as u8, bits as u8], foreign | bits & unused)
}

/// The six bits that a character of the alphabet stands for; more than 63 for any other.
fn sextet(character: u8) -> u32 {
    let character = i32::from(character);
    // All ones for what lies between the two, both excluded: there each difference is negative.
    let between =
        |below: u8, above: u8| ((i32::from(below) - character) & (character - i32::from(above))) >> 8;
    let mut value = -1;
    value += between(b'A' - 1, b'Z' + 1) & (character - i32::from(b'A') + 1);
    value += between(b'a' - 1, b'z' + 1) & (character - i32::from(b'a') + 27);
    value += between(b'0' - 1, b'9' + 1) & (character - i32::from(b'0') + 53);
    value += between(b'+' - 1, b'+' + 1) & 63;
    value += between(b'/' - 1, b'/' + 1) & 64;
    value as u32
}

/// The character of six bits.
fn character(sextet: u32) -> u8 {
    let sextet = sextet as i32;
    // All ones above a limit.
    let above = |limit: i32| (limit - sextet) >> 8;
    let mut character = sextet + i32::from(b'A');
    character += above(25) & (i32::from(b'a') - i32::from(b'Z') - 1);
    character += above(51) & (i32::from(b'0') - i32::from(b'z') - 1);
    character += above(61) & (i32::from(b'+') - i32::from(b'9') - 1);
    character += above(62) & (i32::from(b'/') - i32::from(b'+') - 1);
    character as u8
}
