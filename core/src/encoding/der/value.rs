//! Values: what a type of ASN.1 becomes in Rust.

use core::fmt;
use core::marker::PhantomData;

use super::{DerError, DerErrorKind, Reader, Tag};

/// A value that is read from DER.
pub trait Decode<'a>: Sized {
    /// Reads the next value of `reader`.
    ///
    /// # Errors
    /// The first error of the encoding.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError>;
}

/// An OBJECT IDENTIFIER ([X.690](super) §8.19), as the contents of its encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Oid<'a>(&'a [u8]);

impl<'a> Oid<'a> {
    /// The identifier with these contents, which are not checked. For constants.
    pub const fn from_contents(contents: &'a [u8]) -> Self {
        Self(contents)
    }

    /// The contents of the encoding.
    pub const fn contents(self) -> &'a [u8] {
        self.0
    }

    /// Reads an identifier with this tag.
    ///
    /// # Errors
    /// [`DerErrorKind::ObjectIdentifier`], or as [`Reader::any`].
    pub fn implicit(reader: &mut Reader<'a>, tag: Tag) -> Result<Self, DerError> {
        let value = reader.nested(tag)?;
        let contents = value.rest();
        // An arc ends with a byte below 0x80 and does not begin with 0x80.
        let mut previous = 0;
        for byte in contents {
            if previous < 0x80 && *byte == 0x80 {
                return Err(value.error(DerErrorKind::ObjectIdentifier));
            }
            previous = *byte;
        }
        if contents.is_empty() || previous >= 0x80 {
            return Err(value.error(DerErrorKind::ObjectIdentifier));
        }
        Ok(Self(contents))
    }
}

impl<'a> Decode<'a> for Oid<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        Self::implicit(reader, Tag::OBJECT_IDENTIFIER)
    }
}

impl fmt::Display for Oid<'_> {
    /// Writes the arcs in decimal, for example `2.5.29.15`. An arc of 2^64 or more is written as `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arc = Some(0_u64);
        let mut first = true;
        for byte in self.0 {
            arc = arc.and_then(|arc| arc.checked_mul(0x80)?.checked_add(u64::from(byte & 0x7f)));
            if *byte >= 0x80 {
                continue;
            }
            match arc {
                Some(arc) if first => {
                    let root = (arc / 40).min(2);
                    write!(f, "{root}.{}", arc.saturating_sub(root.saturating_mul(40)))?;
                }
                Some(arc) => write!(f, ".{arc}")?,
                None => f.write_str(if first { "2.?" } else { ".?" })?,
            }
            (arc, first) = (Some(0), false);
        }
        Ok(())
    }
}

impl fmt::Debug for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A BIT STRING ([X.690](super) §8.6, §11.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitString<'a> {
    /// The bits, the first one in the highest bit of the first byte.
    pub bytes: &'a [u8],
    /// The number of unused bits at the end of the last byte, 0 to 7. They are zero.
    pub unused: u8,
}

impl<'a> BitString<'a> {
    /// Reads a string of whole bytes, for example a key or a signature.
    ///
    /// # Errors
    /// [`DerErrorKind::BitString`], or as [`Reader::any`].
    pub fn whole_bytes(reader: &mut Reader<'a>) -> Result<&'a [u8], DerError> {
        let error = reader.error(DerErrorKind::BitString);
        match Self::decode(reader)? {
            Self { bytes, unused: 0 } => Ok(bytes),
            _ => Err(error),
        }
    }

    /// Reads a list of at most 16 named bits, without zeros at its end. Bit 0 of the list is the highest bit of the
    /// result. Later bits are not read.
    ///
    /// # Errors
    /// [`DerErrorKind::BitString`], or as [`Reader::any`].
    pub fn named(reader: &mut Reader<'a>, tag: Tag) -> Result<u16, DerError> {
        let error = reader.error(DerErrorKind::BitString);
        let Self { bytes, unused } = Self::implicit(reader, tag)?;
        if bytes.last().is_some_and(|last| u32::from(unused) != last.trailing_zeros()) {
            return Err(error);
        }
        let byte = |at| bytes.get(at).copied().unwrap_or(0);
        Ok(u16::from_be_bytes([byte(0), byte(1)]))
    }

    /// Reads a string with this tag.
    ///
    /// # Errors
    /// [`DerErrorKind::BitString`], or as [`Reader::any`].
    pub fn implicit(reader: &mut Reader<'a>, tag: Tag) -> Result<Self, DerError> {
        let value = reader.nested(tag)?;
        match value.rest() {
            [0] => Ok(Self { bytes: &[], unused: 0 }),
            [unused @ 0..=7, bytes @ ..]
                if bytes.last().is_some_and(|last| last.trailing_zeros() >= u32::from(*unused)) =>
            {
                Ok(Self { bytes, unused: *unused })
            }
            _ => Err(value.error(DerErrorKind::BitString)),
        }
    }
}

impl<'a> Decode<'a> for BitString<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        Self::implicit(reader, Tag::BIT_STRING)
    }
}

/// A SEQUENCE SIZE (1..MAX) OF `T`. It is read once to check it, and again by each iteration.
pub struct SequenceOf<'a, T> {
    /// Items that were checked, one after the other.
    items: Reader<'a>,
    item: PhantomData<fn() -> T>,
}

impl<'a, T: Decode<'a>> SequenceOf<'a, T> {
    /// Reads a sequence with this tag.
    ///
    /// # Errors
    /// [`DerErrorKind::Empty`], or the first error of an item.
    pub fn implicit(reader: &mut Reader<'a>, tag: Tag) -> Result<Self, DerError> {
        Self::of_contents(reader.nested(tag)?)
    }

    /// Takes the contents of a sequence.
    ///
    /// # Errors
    /// As [`SequenceOf::implicit`].
    pub fn of_contents(items: Reader<'a>) -> Result<Self, DerError> {
        if items.is_empty() {
            return Err(items.error(DerErrorKind::Empty));
        }
        let mut rest = items;
        while !rest.is_empty() {
            T::decode(&mut rest)?;
        }
        Ok(Self { items, item: PhantomData })
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for SequenceOf<'a, T> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        Self::implicit(reader, Tag::SEQUENCE)
    }
}

impl<'a, T: Decode<'a>> Iterator for SequenceOf<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        // All items were read without an error.
        if self.items.is_empty() { None } else { T::decode(&mut self.items).ok() }
    }
}

impl<T> Clone for SequenceOf<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SequenceOf<'_, T> {}

impl<T> fmt::Debug for SequenceOf<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.items, f)
    }
}
