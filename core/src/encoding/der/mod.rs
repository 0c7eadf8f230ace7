//! DER, the distinguished encoding rules of ASN.1 ([X.690] §8, §10 and §11), read in place.
//!
//! Each value has one encoding: definite lengths in their shortest form, the shortest integers, `FF` for TRUE, no encoded
//! default value, zeros in unused bits. A [`Reader`] refuses everything else, with the offset of the byte.
//!
//! [X.690]: https://www.itu.int/rec/T-REC-X.690

mod reader;
mod time;
mod value;

use core::fmt;

pub use self::reader::{Element, Reader};
pub use self::value::{BitString, Decode, Oid, SequenceOf};

/// The first byte of an encoding: its class, its form and its number ([X.690](super::der) §8.1.2).
///
/// Numbers above 30 take more bytes. No structure of X.509 has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tag(pub u8);

impl Tag {
    /// BOOLEAN.
    pub const BOOLEAN: Self = Self(0x01);
    /// INTEGER.
    pub const INTEGER: Self = Self(0x02);
    /// BIT STRING.
    pub const BIT_STRING: Self = Self(0x03);
    /// OCTET STRING.
    pub const OCTET_STRING: Self = Self(0x04);
    /// OBJECT IDENTIFIER.
    pub const OBJECT_IDENTIFIER: Self = Self(0x06);
    /// ENUMERATED.
    pub const ENUMERATED: Self = Self(0x0a);
    /// UTF8String.
    pub const UTF8_STRING: Self = Self(0x0c);
    /// PrintableString.
    pub const PRINTABLE_STRING: Self = Self(0x13);
    /// IA5String, which is ASCII.
    pub const IA5_STRING: Self = Self(0x16);
    /// UTCTime.
    pub const UTC_TIME: Self = Self(0x17);
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: Self = Self(0x18);
    /// VisibleString, which is printable ASCII.
    pub const VISIBLE_STRING: Self = Self(0x1a);
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: Self = Self(0x30);
    /// SET and SET OF.
    pub const SET: Self = Self(0x31);

    /// The context-specific tag `[number]` of a primitive encoding.
    pub const fn context(number: u8) -> Self {
        Self(0x80 | (number & 0x1f))
    }

    /// The context-specific tag `[number]` of a constructed encoding.
    pub const fn constructed(number: u8) -> Self {
        Self(0xa0 | (number & 0x1f))
    }
}

/// The kind of an error in a DER encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DerErrorKind {
    /// The encoding ends too early.
    Truncated,
    /// Bytes follow the last value.
    Trailing,
    /// Another tag than the expected one, or a tag number above 30.
    Tag,
    /// A length that is indefinite, not in its shortest form, or of more than four bytes.
    Length,
    /// A BOOLEAN that is not `00` or `FF`.
    Boolean,
    /// An INTEGER that is not in its shortest form, or outside of its range.
    Integer,
    /// A BIT STRING with unused bits that are not zero, or a list of named bits that ends with a zero.
    BitString,
    /// An OBJECT IDENTIFIER that ends within an arc, or has an arc that is not in its shortest form.
    ObjectIdentifier,
    /// A string with a character that its type does not have.
    Text,
    /// A time that is not of the form of RFC 5280 §4.1.2.5, or that does not exist.
    Time,
    /// The elements of a SET OF are not in ascending order.
    SetOrder,
    /// A default value is encoded.
    Default,
    /// A list that must have an item is empty.
    Empty,
    /// A list has more items than this program reads.
    TooMany,
    /// An extension occurs twice (RFC 5280 §4.2).
    Duplicate,
    /// A version that does not exist, or a field that the version does not have (RFC 5280 §4.1.2.1).
    Version,
    /// A value that the definition of its field does not allow.
    Value,
}

/// An error in a DER encoding, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DerError {
    /// The kind of the error.
    pub kind: DerErrorKind,
    /// Offset of the byte where the error is, from the start of the outermost encoding.
    pub at: usize,
}

impl fmt::Display for DerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.kind {
            DerErrorKind::Truncated => "the DER ends too early",
            DerErrorKind::Trailing => "bytes follow the last value of the DER",
            DerErrorKind::Tag => "the DER has another type than the expected one",
            DerErrorKind::Length => "a DER length is indefinite, too large or not in its shortest form",
            DerErrorKind::Boolean => "a DER BOOLEAN is neither 00 nor FF",
            DerErrorKind::Integer => "a DER INTEGER is out of range or not in its shortest form",
            DerErrorKind::BitString => {
                "a DER BIT STRING has unused bits that are not zero, or zeros at its end"
            }
            DerErrorKind::ObjectIdentifier => "a DER OBJECT IDENTIFIER is malformed",
            DerErrorKind::Text => "a DER string has a character that its type does not have",
            DerErrorKind::Time => "a DER time is not in the form of RFC 5280, or does not exist",
            DerErrorKind::SetOrder => "the elements of a DER SET are not in ascending order",
            DerErrorKind::Default => "the DER encodes a default value",
            DerErrorKind::Empty => "a DER list is empty that must have an item",
            DerErrorKind::TooMany => "a DER list has too many items",
            DerErrorKind::Duplicate => "an extension occurs twice",
            DerErrorKind::Version => "the version does not exist, or does not have this field",
            DerErrorKind::Value => "the field does not allow this value",
        };
        write!(f, "{text} (at byte {})", self.at)
    }
}

impl core::error::Error for DerError {}
