//! Distinguished names, and their comparison by [RFC 5280 §7.1](https://www.rfc-editor.org/rfc/rfc5280#section-7.1).

use crate::encoding::der::{Decode, DerError, DerErrorKind, Element, Oid, Reader, Tag};
use crate::limits::X509_RDN;

/// A distinguished name ([RFC 5280 §4.1.2.4](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.4)): a sequence of
/// relative distinguished names, each a set of attributes.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(Reader<'a>);

/// An attribute of a name: a type and its value.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The type, for example [`COMMON_NAME`](super::oid::COMMON_NAME).
    pub id: Oid<'a>,
    /// The value.
    pub value: Element<'a>,
}

/// The result of a comparison of two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The names are the same.
    Same,
    /// The names are different.
    Different,
    /// The names are different as bytes. They may be the same after the preparation of RFC 4518, which this program
    /// makes for ASCII alone.
    Unknown,
}

impl<'a> Name<'a> {
    /// Reads the DER of a name.
    ///
    /// # Errors
    /// The first error of the encoding.
    pub fn parse(der: &'a [u8]) -> Result<Self, DerError> {
        let mut reader = Reader::new(der);
        let name = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(name)
    }

    /// Checks the contents of an RDNSequence.
    ///
    /// # Errors
    /// [`DerErrorKind::Empty`], [`DerErrorKind::SetOrder`], [`DerErrorKind::Text`], [`DerErrorKind::TooMany`] if a set
    /// has more than [`X509_RDN`] attributes, or an error of the encoding.
    pub fn of_contents(contents: Reader<'a>) -> Result<Self, DerError> {
        let mut sets = contents;
        while !sets.is_empty() {
            check_set(sets.nested(Tag::SET)?)?;
        }
        Ok(Self(contents))
    }

    /// Returns whether the name has no attribute.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The contents of the SEQUENCE.
    pub const fn contents(&self) -> &'a [u8] {
        self.0.rest()
    }

    /// The attributes, without the borders between the sets.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        sets(self.0).flat_map(attributes)
    }

    /// Compares two names: the same sets of attributes, in the same order.
    ///
    /// Letters of ASCII are compared without case, runs of spaces as one space, and a PrintableString like a
    /// UTF8String. All other text is compared byte by byte.
    pub fn compare(&self, other: &Self) -> Comparison {
        if self.contents() == other.contents() {
            return Comparison::Same;
        }
        if sets(self.0).count() != sets(other.0).count() {
            return Comparison::Different;
        }
        self.compare_start(other)
    }

    /// Compares this name with `base` and one more set of attributes, whose contents were checked by [`check_set`].
    pub(super) fn compare_relative(&self, base: &Self, set: Reader<'_>) -> Comparison {
        if sets(self.0).count() != sets(base.0).count().saturating_add(1) {
            return Comparison::Different;
        }
        let last = sets(self.0).last().map_or(Comparison::Different, |last| compare_sets(last, set));
        all([self.compare_start(base), last].into_iter())
    }

    /// Compares the first sets of this name with `base`, which is the root of a subtree. The result is
    /// [`Comparison::Same`] if this name is in the subtree.
    pub fn compare_start(&self, base: &Self) -> Comparison {
        let mut mine = sets(self.0);
        all(sets(base.0).map(|base| match mine.next() {
            Some(set) => compare_sets(set, base),
            None => Comparison::Different,
        }))
    }
}

impl<'a> Decode<'a> for Name<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        Self::of_contents(reader.nested(Tag::SEQUENCE)?)
    }
}

/// Checks the contents of a RelativeDistinguishedName.
pub(super) fn check_set(mut set: Reader<'_>) -> Result<(), DerError> {
    if set.is_empty() {
        return Err(set.error(DerErrorKind::Empty));
    }
    let (mut previous, mut count): (&[u8], _) = (&[], 0);
    while !set.is_empty() {
        let here = set;
        let attribute = set.element(Tag::SEQUENCE)?;
        check_attribute(attribute.contents)?;
        if attribute.der < previous {
            return Err(here.error(DerErrorKind::SetOrder));
        }
        (previous, count) = (attribute.der, count + 1);
        if count > X509_RDN {
            return Err(here.error(DerErrorKind::TooMany));
        }
    }
    Ok(())
}

/// Checks the contents of an AttributeTypeAndValue, and the characters of its value.
fn check_attribute(mut attribute: Reader<'_>) -> Result<(), DerError> {
    Oid::decode(&mut attribute)?;
    let value = attribute.any()?;
    attribute.finish()?;
    let text = value.contents.rest();
    let good = match value.tag {
        Tag::PRINTABLE_STRING => text.iter().all(|byte| is_printable(*byte)),
        Tag::UTF8_STRING => core::str::from_utf8(text).is_ok(),
        Tag::IA5_STRING | Tag::VISIBLE_STRING => text.is_ascii(),
        _ => true,
    };
    if good { Ok(()) } else { Err(value.contents.error(DerErrorKind::Text)) }
}

/// The characters of PrintableString, and `*`, `@`, `&` and `_`, which many certificates have in it.
const fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'\''..=b'/' | b':' | b'=' | b'?' | b'@' | b'&' | b'_')
}

/// The sets of a name that was checked.
fn sets(mut name: Reader<'_>) -> impl Iterator<Item = Reader<'_>> {
    core::iter::from_fn(move || name.nested(Tag::SET).ok())
}

/// The attributes of a set that was checked.
fn attributes(mut set: Reader<'_>) -> impl Iterator<Item = Attribute<'_>> {
    core::iter::from_fn(move || {
        let mut attribute = set.nested(Tag::SEQUENCE).ok()?;
        Some(Attribute { id: Oid::decode(&mut attribute).ok()?, value: attribute.any().ok()? })
    })
}

/// [`Comparison::Different`] if one part is, otherwise [`Comparison::Unknown`] if one part is.
fn all(parts: impl Iterator<Item = Comparison>) -> Comparison {
    let mut result = Comparison::Same;
    for part in parts {
        match part {
            Comparison::Same => {}
            Comparison::Unknown => result = Comparison::Unknown,
            Comparison::Different => return Comparison::Different,
        }
    }
    result
}

/// Compares two sets: the same number of attributes, and each one of a set is in the other. Both have at most [`X509_RDN`].
pub(super) fn compare_sets(a: Reader<'_>, b: Reader<'_>) -> Comparison {
    if a.rest() == b.rest() {
        return Comparison::Same;
    }
    if attributes(a).count() != attributes(b).count() {
        return Comparison::Different;
    }
    all([is_subset(a, b), is_subset(b, a)].into_iter())
}

/// Compares each attribute of `a` with those of `b`.
fn is_subset(a: Reader<'_>, b: Reader<'_>) -> Comparison {
    all(attributes(a).map(|mine| {
        let mut best = Comparison::Different;
        for theirs in attributes(b).filter(|theirs| theirs.id == mine.id) {
            match compare_values(&mine.value, &theirs.value) {
                Comparison::Same => return Comparison::Same,
                Comparison::Unknown => best = Comparison::Unknown,
                Comparison::Different => {}
            }
        }
        best
    }))
}

fn compare_values(a: &Element<'_>, b: &Element<'_>) -> Comparison {
    let is_text =
        |tag| matches!(tag, Tag::UTF8_STRING | Tag::PRINTABLE_STRING | Tag::IA5_STRING | Tag::VISIBLE_STRING);
    let (x, y) = (a.contents.rest(), b.contents.rest());
    if is_text(a.tag) && is_text(b.tag) {
        if prepared(x).eq(prepared(y)) {
            Comparison::Same
        } else if x.is_ascii() && y.is_ascii() {
            Comparison::Different
        } else {
            Comparison::Unknown
        }
    } else if a.tag == b.tag && x == y {
        Comparison::Same
    } else {
        // For example a BMPString and a UTF8String, which can have the same text.
        Comparison::Unknown
    }
}

/// The text after the preparation of RFC 4518 §2 for ASCII: control characters removed, white space compressed, letters
/// folded to lower case.
fn prepared(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut bytes = text
        .iter()
        .map(|byte| if matches!(byte, b'\t'..=b'\r') { b' ' } else { byte.to_ascii_lowercase() })
        .filter(|byte| !byte.is_ascii_control())
        .skip_while(|byte| *byte == b' ')
        .peekable();
    core::iter::from_fn(move || {
        let byte = bytes.next()?;
        if byte != b' ' {
            return Some(byte);
        }
        while bytes.next_if_eq(&b' ').is_some() {}
        // White space at the end does not count.
        bytes.peek().map(|_| b' ')
    })
}
