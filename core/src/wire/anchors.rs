//! The request for the changes of the CA's key (protocol §7).

use serde::Serialize;

use super::WireError;
use crate::bytes::BufferTooSmall;
use crate::encoding::json::{self, Form, Reader};

pub(super) const REQUEST: &str = "anchors_request";

/// A request for the anchor updates of the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchorsRequest;

#[derive(Serialize)]
struct Object<'a> {
    r#type: &'a str,
}

impl AnchorsRequest {
    /// Writes the message's body; returns its length in bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        json::encode(&Object { r#type: REQUEST }, out)
    }
}

/// Calls `each` with the text of each item in `array`, the value of
/// [`Response::Anchors`](super::Response::Anchors).
///
/// # Errors
/// [`WireError::Json`] if it is not an array; the first error of `each`.
pub fn each_update<'a, E: From<WireError>>(
    array: &'a [u8],
    mut each: impl FnMut(&'a [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = Reader::of_array(array, Form::Relaxed).map_err(WireError::from)?;
    while reader.next_item().map_err(WireError::from)? {
        let mut item = reader.member("anchors");
        reader.raw(&mut item).map_err(WireError::from)?;
        each(item.required().map_err(WireError::from)?)?;
    }
    Ok(reader.finish().map_err(WireError::from)?)
}
