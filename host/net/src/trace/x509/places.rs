//! The bytes of the fields of a certificate (RFC 5280 §4.1), each with its tag and its length.

use std::ops::Range;

use minipki_core::encoding::der::{Element, Reader, Tag};

/// The bytes of each field, as offsets in the certificate. The range of a field that is absent is empty.
#[derive(Default)]
pub(super) struct Places {
    pub(super) version: Range<usize>,
    pub(super) serial: Range<usize>,
    pub(super) signature: Range<usize>,
    pub(super) issuer: Range<usize>,
    pub(super) validity: Range<usize>,
    pub(super) not_before: Range<usize>,
    pub(super) not_after: Range<usize>,
    pub(super) subject: Range<usize>,
    pub(super) public_key: Range<usize>,
    pub(super) extensions: Range<usize>,
    /// Each extension, in order.
    pub(super) each_extension: Vec<Range<usize>>,
    pub(super) signature_algorithm: Range<usize>,
    pub(super) signature_value: Range<usize>,
}

impl Places {
    /// The places in a certificate that the core has read.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let mut outer = Reader::new(der).nested(Tag::SEQUENCE).ok()?;
        let signed = elements(outer.nested(Tag::SEQUENCE).ok()?);
        let (version, fields) = match signed.split_first() {
            Some((first, fields)) if first.tag == Tag::constructed(0) => (place(first), fields),
            _ => (0..0, &signed[..]),
        };
        let [serial, signature, issuer, validity, subject, public_key, optional @ ..] = fields else {
            return None;
        };
        let times = elements(validity.contents);
        let after = elements(outer);
        let ([not_before, not_after], [signature_algorithm, signature_value]) = (&times[..], &after[..])
        else {
            return None;
        };
        let extensions = optional.iter().find(|field| field.tag == Tag::constructed(3));
        let list = extensions.and_then(|field| elements(field.contents).first().copied());
        Some(Self {
            version,
            serial: place(serial),
            signature: place(signature),
            issuer: place(issuer),
            validity: place(validity),
            not_before: place(not_before),
            not_after: place(not_after),
            subject: place(subject),
            public_key: place(public_key),
            extensions: extensions.map_or(0..0, place),
            each_extension: list.map(|list| elements(list.contents)).iter().flatten().map(place).collect(),
            signature_algorithm: place(signature_algorithm),
            signature_value: place(signature_value),
        })
    }
}

/// The bytes of `part`, a part of `whole`, which begins at `start`.
pub(super) fn within(start: usize, whole: &[u8], part: &[u8]) -> Range<usize> {
    let begin = start + part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    begin..begin + part.len()
}

fn elements(mut reader: Reader<'_>) -> Vec<Element<'_>> {
    std::iter::from_fn(|| reader.any().ok()).collect()
}

fn place(element: &Element<'_>) -> Range<usize> {
    let end = element.contents.at() + element.contents.rest().len();
    end.saturating_sub(element.der.len())..end
}
