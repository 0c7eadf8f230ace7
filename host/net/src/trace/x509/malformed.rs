//! The place of an error in a certificate: the field, and the type that belongs there.

use minipki_core::encoding::der::{Decode, DerError, Oid, Reader, Tag};

use super::oids;

/// A field of a structure (RFC 5280 §4.1).
struct Field {
    name: &'static str,
    /// The expected type.
    expected: &'static str,
    /// The tag, if the field may be absent.
    optional: Option<Tag>,
}

const fn field(name: &'static str, expected: &'static str) -> Field {
    Field { name, expected, optional: None }
}

const fn optional(name: &'static str, expected: &'static str, tag: Tag) -> Field {
    Field { name, expected, optional: Some(tag) }
}

/// The fields of TBSCertificate.
const TBS: [Field; 10] = [
    optional("version", "[0] with INTEGER 1 or 2", Tag::constructed(0)),
    field("serialNumber", "an INTEGER"),
    field("signature", "a SEQUENCE of an OBJECT IDENTIFIER and its parameters"),
    field("issuer", "a SEQUENCE of SETs of attributes"),
    field("validity", "a SEQUENCE of two times, as YYMMDDHHMMSSZ or, from 2050 on, YYYYMMDDHHMMSSZ"),
    field("subject", "a SEQUENCE of SETs of attributes"),
    field("subjectPublicKeyInfo", "a SEQUENCE of an algorithm and a BIT STRING"),
    optional("issuerUniqueID", "a BIT STRING [1]", Tag::context(1)),
    optional("subjectUniqueID", "a BIT STRING [2]", Tag::context(2)),
    optional("extensions", "[3] with a SEQUENCE of extensions", Tag::constructed(3)),
];

/// The fields of Certificate after the TBSCertificate.
const AFTER: [Field; 2] = [
    field("signatureAlgorithm", "a SEQUENCE of an OBJECT IDENTIFIER and its parameters"),
    field("signatureValue", "a BIT STRING"),
];

/// The error, its byte, its field, and what is expected there.
pub fn seen(der: &[u8], error: DerError) -> String {
    match place(der, error.at) {
        Some(place) => format!("{error}, {place}"),
        None => format!("{error}, where a certificate is expected: a SEQUENCE of three fields"),
    }
}

/// The field at byte `at`.
fn place(der: &[u8], at: usize) -> Option<String> {
    let (_, tbs, _) = header(der, 0)?;
    let (_, mut next, end) = header(der, tbs)?;
    for Field { name, expected, optional } in &TBS {
        let Some((tag, contents, end)) = header(der, next).filter(|_| next < end) else { break };
        if optional.is_some_and(|optional| optional != tag) {
            continue;
        }
        if (next..end).contains(&at) {
            let extension = if *name == "extensions" { extension(der, contents, at) } else { None };
            return Some(match extension {
                Some(id) => format!("in the extension {id}"),
                None => format!("in the field {name}: {expected} is expected"),
            });
        }
        next = end;
    }
    if (tbs..end).contains(&at) {
        return Some("after the last field of the signed part".to_owned());
    }
    next = end;
    for Field { name, expected, .. } in &AFTER {
        let (_, _, end) = header(der, next)?;
        if (next..end).contains(&at) {
            return Some(format!("in the field {name}: {expected} is expected"));
        }
        next = end;
    }
    (at >= next).then(|| "after the last field".to_owned())
}

/// The name of the extension at byte `at`. `contents` is the offset of the list.
fn extension(der: &[u8], contents: usize, at: usize) -> Option<String> {
    let (_, mut next, end) = header(der, contents)?;
    while next < end {
        let (_, id, after) = header(der, next)?;
        if (next..after).contains(&at) {
            return Oid::decode(&mut Reader::new(der.get(id..)?)).ok().map(oids::full);
        }
        next = after;
    }
    None
}

/// The tag of the value at byte `at`, and the offsets of its contents and of its end, which is within `der`. This reads
/// also what is malformed.
pub fn header(der: &[u8], at: usize) -> Option<(Tag, usize, usize)> {
    let rest = der.get(at..)?;
    let (tag, first) = (*rest.first()?, *rest.get(1)?);
    let count = if first < 0x80 { 0 } else { usize::from(first & 0x7f).min(4) };
    let length = match count {
        0 => usize::from(first & 0x7f),
        _ => rest.get(2..2 + count)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    let contents = at + 2 + count;
    Some((Tag(tag), contents, contents.saturating_add(length).min(der.len())))
}
