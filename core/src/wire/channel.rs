//! Handshake messages of the secure channel: Noise, as base64 within JSON, with a payload (protocol §5, §7).

use core::ops::Range;

use super::WireError;
use crate::bytes::{BufferTooSmall, Writer};
use crate::encoding::base64;
use crate::encoding::json::{Form, Reader};

/// Prologue of the Noise handshake.
pub const PROLOGUE: &[u8] = b"MiniPKI/1 channel";

/// One of the three messages of Noise XX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `-> e`
    One,
    /// `<- e, ee, s, es`, with the payload of the responder.
    Two,
    /// `-> s, se`, with the payload of the initiator.
    Three,
}

impl Step {
    /// The `type` of the message.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::One => "handshake_1",
            Self::Two => "handshake_2",
            Self::Three => "handshake_3",
        }
    }
}

/// The payload of message 2 or 3: the certificate of the sender, alone or with its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The text of the certificate.
    pub certificate: &'a [u8],
    /// The text of its status, if the side has one (stapling).
    pub status: Option<&'a [u8]>,
}

const BEFORE_CERTIFICATE: &[u8] = br#"{"certificate":"#;
const BEFORE_STATUS: &[u8] = br#","status":"#;

impl<'a> Payload<'a> {
    /// Writes the payload to the start of `out`: the certificate alone, or one object with both texts.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; [`limits::STAPLED`](crate::limits::STAPLED) bytes are always enough.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], BufferTooSmall> {
        let mut writer = Writer::new(out);
        match self.status {
            None => writer.put(self.certificate),
            Some(status) => {
                writer.put(BEFORE_CERTIFICATE).put(self.certificate).put(BEFORE_STATUS).put(status).put(b"}")
            }
        };
        Ok(writer.finish()?)
    }

    /// Finds the texts in a payload. A payload that is not an object with both texts is a certificate alone.
    ///
    /// # Errors
    /// [`WireError::Json`] for such an object that is not canonical.
    #[inline(never)] // So that the reader leaves the stack before the caller needs it.
    pub fn decode(payload: &'a [u8]) -> Result<Self, WireError> {
        // The first member of a certificate is its signature.
        if !payload.starts_with(BEFORE_CERTIFICATE) {
            return Ok(Self { certificate: payload, status: None });
        }
        let mut reader = Reader::new(payload, Form::Canonical)?;
        let (mut certificate, mut status) = (reader.member("certificate"), reader.member("status"));
        while let Some(key) = reader.next_key()? {
            match key {
                "certificate" => reader.raw(&mut certificate)?,
                "status" => reader.raw(&mut status)?,
                _ => reader.unknown()?,
            }
        }
        reader.finish()?;
        Ok(Self { certificate: certificate.required()?, status: Some(status.required()?) })
    }
}

const HEAD: &[u8] = b"{\"noise_b64\":\"";
const MIDDLE: &[u8] = b"\",\"type\":\"";
const TAIL: &[u8] = b"\"}";

/// Writes the message; returns the body's length. `compose` writes the Noise message and returns its length.
///
/// The Noise message is made at the end of `out` and is encoded forward in base64, so one buffer is enough.
///
/// # Errors
/// [`BufferTooSmall`], or the error of `compose`.
pub fn encode<E: From<BufferTooSmall>>(
    step: Step,
    out: &mut [u8],
    compose: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<usize, E> {
    let too_small = || E::from(BufferTooSmall);
    let around = HEAD.len() + MIDDLE.len() + step.type_name().len() + TAIL.len();
    let text = out.len().checked_sub(around).ok_or_else(too_small)?;
    let (head, rest) = out.split_at_mut_checked(HEAD.len()).ok_or_else(too_small)?;
    head.copy_from_slice(HEAD);
    // The most raw bytes whose base64 fits into `text`; they end where the text may end.
    let room = text / 4 * 3;
    let raw = rest.get_mut(text.saturating_sub(room)..text).ok_or_else(too_small)?;
    let len = compose(raw)?;
    let start = text.saturating_sub(room);
    let encoded = encode_forward(rest, start..start.saturating_add(len)).map_err(|_| too_small())?;
    let mut writer = Writer::new(rest.get_mut(encoded..).ok_or_else(too_small)?);
    writer.put(MIDDLE).put(step.type_name().as_bytes()).put(TAIL);
    let tail = writer.finish().map_err(|_| too_small())?.len();
    Ok(HEAD.len().saturating_add(encoded).saturating_add(tail))
}

/// Reads the body of message `step` in place; returns the range of the Noise message in it.
///
/// # Errors
/// [`WireError`] if the body is another message, or holds no base64.
pub fn decode(step: Step, body: &mut [u8]) -> Result<Range<usize>, WireError> {
    let mut reader = Reader::new(body, Form::Relaxed)?;
    let [noise, kind] = reader.strings(["noise_b64", "type"])?;
    reader.finish()?;
    let text = noise.range()?;
    if kind.required()? != step.type_name() {
        return Err(WireError::Field("type"));
    }
    let at = text.start;
    let field = body.get_mut(text).ok_or(WireError::Field("noise_b64"))?;
    let len = base64::decode_in_place(field).map_err(|_| WireError::Field("noise_b64"))?.len();
    Ok(at..at.saturating_add(len))
}

/// Encodes `buf[raw]` in base64 at the start of `buf`; returns its length.
///
/// The output never overwrites unread input, since `raw` starts after a quarter of `buf` or later.
fn encode_forward(buf: &mut [u8], raw: Range<usize>) -> Result<usize, BufferTooSmall> {
    const CHUNK: usize = 48;
    let mut written = 0;
    for from in raw.clone().step_by(CHUNK) {
        let source = buf.get(from..raw.end.min(from.saturating_add(CHUNK))).ok_or(BufferTooSmall)?;
        let mut copy = [0; CHUNK];
        let copy = copy.get_mut(..source.len()).ok_or(BufferTooSmall)?;
        copy.copy_from_slice(source);
        written += base64::encode(copy, buf.get_mut(written..).ok_or(BufferTooSmall)?)?.len();
    }
    Ok(written)
}
