//! The forms of a name in an extension ([RFC 5280 §4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6)).

use super::name::Name;
use crate::encoding::der::{Decode, DerError, DerErrorKind, Oid, Reader, SequenceOf, Tag};

/// A GeneralName.
#[derive(Clone, Copy, Debug)]
pub enum GeneralName<'a> {
    /// otherName: the type, and the value in its explicit tag.
    Other(Oid<'a>, Reader<'a>),
    /// rfc822Name: an e-mail address. In a constraint: an address, a host, or a domain after a dot.
    Email(&'a str),
    /// dNSName.
    Dns(&'a str),
    /// x400Address, which is not read.
    X400(Reader<'a>),
    /// directoryName.
    Directory(Name<'a>),
    /// ediPartyName, which is not read.
    EdiParty(Reader<'a>),
    /// uniformResourceIdentifier. In a constraint: a host, or a domain after a dot.
    Uri(&'a str),
    /// iPAddress: 4 or 16 bytes. In a constraint: 8 or 32 bytes, the address and its mask.
    Ip(&'a [u8]),
    /// registeredID.
    RegisteredId(Oid<'a>),
}

/// GeneralNames.
pub type GeneralNames<'a> = SequenceOf<'a, GeneralName<'a>>;

impl GeneralName<'_> {
    /// Returns whether both names are of the same form.
    pub fn is_same_form(&self, other: &GeneralName<'_>) -> bool {
        // An otherName has a form of its own for each type.
        match (self, other) {
            (Self::Other(mine, _), GeneralName::Other(theirs, _)) => mine.contents() == theirs.contents(),
            _ => self.form() == other.form(),
        }
    }

    /// Length of the name in bytes.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) => text.len(),
            Self::Other(_, value) | Self::X400(value) | Self::EdiParty(value) => value.rest().len(),
            Self::Directory(name) => name.contents().len(),
            Self::Ip(bytes) => bytes.len(),
            Self::RegisteredId(id) => id.contents().len(),
        }
    }

    const fn form(&self) -> u8 {
        match self {
            Self::Other(..) => 0,
            Self::Email(_) => 1,
            Self::Dns(_) => 2,
            Self::X400(_) => 3,
            Self::Directory(_) => 4,
            Self::EdiParty(_) => 5,
            Self::Uri(_) => 6,
            Self::Ip(_) => 7,
            Self::RegisteredId(_) => 8,
        }
    }
}

impl<'a> Decode<'a> for GeneralName<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let tag = reader.peek().ok_or(reader.error(DerErrorKind::Truncated))?;
        Ok(match tag.0 {
            0xa0 => {
                let mut other = reader.nested(tag)?;
                let id = Oid::decode(&mut other)?;
                let mut value = other.nested(Tag::constructed(0))?;
                other.finish()?;
                let whole = value;
                value.any()?;
                value.finish()?;
                Self::Other(id, whole)
            }
            0x81 => Self::Email(reader.ia5(tag)?),
            0x82 => Self::Dns(reader.ia5(tag)?),
            0xa3 => Self::X400(reader.nested(tag)?),
            0xa4 => {
                // A CHOICE cannot be tagged implicitly, so the SEQUENCE is within.
                let mut directory = reader.nested(tag)?;
                let name = Name::decode(&mut directory)?;
                directory.finish()?;
                Self::Directory(name)
            }
            0xa5 => Self::EdiParty(reader.nested(tag)?),
            0x86 => Self::Uri(reader.ia5(tag)?),
            0x87 => Self::Ip(reader.nested(tag)?.rest()),
            0x88 => Self::RegisteredId(Oid::implicit(reader, tag)?),
            _ => return Err(reader.error(DerErrorKind::Tag)),
        })
    }
}
