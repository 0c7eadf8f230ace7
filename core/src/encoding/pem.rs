//! PEM (RFC 7468, strict grammar): one label, lines of 64 characters, line feeds.

use core::fmt;

use pem_rfc7468::{Decoder, LineEnding};

use crate::bytes::BufferTooSmall;

/// The label of a SubjectPublicKeyInfo (RFC 7468 §13).
pub const PUBLIC_KEY: &str = "PUBLIC KEY";

/// The reason why a text is not the expected PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PemError {
    /// No `-----BEGIN …-----` and `-----END …-----` lines that belong together.
    Boundary,
    /// The label is not the expected label.
    Label,
    /// The text between the boundaries is not base64 in lines of 64 characters.
    Body,
    /// The text holds more bytes than the lent buffer has room for.
    TooLong,
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boundary => "no matching -----BEGIN and -----END lines (RFC 7468)",
            Self::Label => "the PEM label is not the expected label",
            Self::Body => "the PEM body is not base64 in lines of 64 characters",
            Self::TooLong => "the PEM text holds more bytes than there is room for",
        })
    }
}

impl core::error::Error for PemError {}

/// Writes `der` as PEM under `label`, with line feeds, the last line included.
///
/// # Errors
/// [`BufferTooSmall`] if `out` cannot hold the text.
pub fn encode<'o>(label: &str, der: &[u8], out: &'o mut [u8]) -> Result<&'o str, BufferTooSmall> {
    // The exact length, and not an upper bound: a buffer that just fits is enough.
    let len = pem_rfc7468::encoded_len(label, LineEnding::LF, der).map_err(|_| BufferTooSmall)?;
    let out = out.get_mut(..len).ok_or(BufferTooSmall)?;
    pem_rfc7468::encode(label, LineEnding::LF, der, out).map_err(|_| BufferTooSmall)
}

/// Reads the PEM `text`, which must have the label `label`, into the start of `out`.
///
/// Line ends may be of any kind, and text may stand before the first boundary, as RFC 7468 allows.
///
/// # Errors
/// [`PemError`].
pub fn decode<'o>(label: &str, text: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], PemError> {
    let mut decoder = Decoder::new(text).map_err(|error| match error {
        pem_rfc7468::Error::Base64(_) => PemError::Body,
        _ => PemError::Boundary,
    })?;
    if decoder.type_label() != label {
        return Err(PemError::Label);
    }
    let out = out.get_mut(..decoder.remaining_len()).ok_or(PemError::TooLong)?;
    let decoded = decoder.decode(out).map_err(|_| PemError::Body)?;
    if decoder.is_finished() { Ok(decoded) } else { Err(PemError::Body) }
}
