//! The reader: the values of a constructed encoding, one after the other.

use super::{DerError, DerErrorKind, Tag};

/// An encoding: tag, length and contents.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The tag.
    pub tag: Tag,
    /// The whole encoding.
    pub der: &'a [u8],
    /// The contents.
    pub contents: Reader<'a>,
}

/// A reader of the values in a slice.
///
/// It is also a view of contents that are not read yet: it can be copied, kept, and read by need.
///
/// ```
/// use minipki_core::encoding::der::{DerError, Reader, Tag};
///
/// # fn main() -> Result<(), DerError> {
/// // SEQUENCE { INTEGER 5, BOOLEAN DEFAULT FALSE }
/// let mut document = Reader::new(&[0x30, 3, 0x02, 1, 5]);
/// let mut sequence = document.nested(Tag::SEQUENCE)?;
/// document.finish()?;
/// assert_eq!(sequence.integer(Tag::INTEGER)?, [5]);
/// assert!(!sequence.default_false()?);
/// sequence.finish()
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the first byte of `rest`.
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins to read `der`, the outermost encoding.
    pub const fn new(der: &'a [u8]) -> Self {
        Self { rest: der, at: 0 }
    }

    /// The bytes that are not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Offset of the next byte, from the start of the outermost encoding.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Returns whether all is read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next value, or `None` at the end.
    pub fn peek(&self) -> Option<Tag> {
        self.rest.first().map(|tag| Tag(*tag))
    }

    /// An error at the next byte.
    pub const fn error(&self, kind: DerErrorKind) -> DerError {
        DerError { kind, at: self.at }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DerErrorKind::Trailing`] if a value is left.
    pub const fn finish(self) -> Result<(), DerError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(DerErrorKind::Trailing)) }
    }

    /// Reads the next value, of any tag.
    ///
    /// # Errors
    /// [`DerErrorKind::Truncated`], [`DerErrorKind::Tag`] or [`DerErrorKind::Length`].
    pub fn any(&mut self) -> Result<Element<'a>, DerError> {
        let truncated = self.error(DerErrorKind::Truncated);
        let (&tag, after_tag) = self.rest.split_first().ok_or(truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(self.error(DerErrorKind::Tag));
        }
        let (&first, after_first) = after_tag.split_first().ok_or(truncated)?;
        let (length, body) = match first {
            0..=0x7f => (usize::from(first), after_first),
            0x81..=0x84 => {
                let (bytes, body) =
                    after_first.split_at_checked(usize::from(first & 0x7f)).ok_or(truncated)?;
                let length = bytes.iter().fold(0, |length: u32, byte| (length << 8) | u32::from(*byte));
                if bytes.first() == Some(&0) || length < 0x80 {
                    return Err(self.error(DerErrorKind::Length));
                }
                (usize::try_from(length).map_err(|_| truncated)?, body)
            }
            _ => return Err(self.error(DerErrorKind::Length)),
        };
        let (contents, rest) = body.split_at_checked(length).ok_or(truncated)?;
        let header = self.rest.len().saturating_sub(body.len());
        let whole = header.saturating_add(length);
        let element = Element {
            tag: Tag(tag),
            der: self.rest.get(..whole).ok_or(truncated)?,
            contents: Reader { rest: contents, at: self.at.saturating_add(header) },
        };
        *self = Self { rest, at: self.at.saturating_add(whole) };
        Ok(element)
    }

    /// Reads the next value, which must have this tag.
    ///
    /// # Errors
    /// As [`Reader::any`].
    pub fn element(&mut self, tag: Tag) -> Result<Element<'a>, DerError> {
        match self.peek() {
            Some(found) if found != tag => Err(self.error(DerErrorKind::Tag)),
            _ => self.any(),
        }
    }

    /// Reads the next value, which must have this tag, and returns a reader of its contents.
    ///
    /// # Errors
    /// As [`Reader::any`].
    pub fn nested(&mut self, tag: Tag) -> Result<Self, DerError> {
        Ok(self.element(tag)?.contents)
    }

    /// Reads the next value if it has this tag, and returns a reader of its contents.
    ///
    /// # Errors
    /// As [`Reader::any`].
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Self>, DerError> {
        if self.peek() == Some(tag) { self.nested(tag).map(Some) } else { Ok(None) }
    }

    /// Reads a BOOLEAN DEFAULT FALSE: only TRUE is encoded.
    ///
    /// # Errors
    /// [`DerErrorKind::Boolean`], [`DerErrorKind::Default`], or as [`Reader::any`].
    pub fn default_false(&mut self) -> Result<bool, DerError> {
        let Some(value) = self.optional(Tag::BOOLEAN)? else { return Ok(false) };
        match value.rest {
            [0xff] => Ok(true),
            [0] => Err(value.error(DerErrorKind::Default)),
            _ => Err(value.error(DerErrorKind::Boolean)),
        }
    }

    /// Reads an INTEGER and returns its contents: two's complement in its shortest form, most significant byte first.
    ///
    /// # Errors
    /// [`DerErrorKind::Integer`], or as [`Reader::any`].
    pub fn integer(&mut self, tag: Tag) -> Result<&'a [u8], DerError> {
        let value = self.nested(tag)?;
        match value.rest {
            [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(value.error(DerErrorKind::Integer)),
            integer => Ok(integer),
        }
    }

    /// Reads an INTEGER (0..MAX). Values from 2^31 on are read as `u32::MAX`.
    ///
    /// # Errors
    /// [`DerErrorKind::Integer`] if the value is negative, or as [`Reader::integer`].
    pub fn unsigned(&mut self, tag: Tag) -> Result<u32, DerError> {
        let error = self.error(DerErrorKind::Integer);
        match self.integer(tag)? {
            [0x80..=0xff, ..] => Err(error),
            bytes if bytes.len() > 4 => Ok(u32::MAX),
            bytes => Ok(bytes.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte))),
        }
    }

    /// Reads an IA5String: ASCII.
    ///
    /// # Errors
    /// [`DerErrorKind::Text`], or as [`Reader::any`].
    pub fn ia5(&mut self, tag: Tag) -> Result<&'a str, DerError> {
        let value = self.nested(tag)?;
        match core::str::from_utf8(value.rest) {
            Ok(text) if text.is_ascii() => Ok(text),
            _ => Err(value.error(DerErrorKind::Text)),
        }
    }
}
