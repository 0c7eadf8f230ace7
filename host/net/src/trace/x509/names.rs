//! Names, as text for people. No text makes a terminal act.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::trace::explain::{escaped, hex};
use minipki_core::encoding::der::{Decode, Element, Oid, Reader, Tag};
use minipki_core::x509::{GeneralName, Name};

use super::oids;

/// The number of characters that are shown of a value.
const SHOWN: usize = 200;

/// A distinguished name in the form of RFC 4514: the last part first.
pub fn distinguished(name: &Name<'_>) -> String {
    let mut sets = Reader::new(name.contents());
    let mut parts = Vec::new();
    while let Ok(set) = sets.nested(Tag::SET) {
        parts.push(attributes(set).collect::<Vec<_>>().join("+"));
    }
    if parts.is_empty() {
        return "(empty)".to_owned();
    }
    parts.reverse();
    parts.join(",")
}

/// The attributes of a set, each as `CN=value`.
fn attributes(mut set: Reader<'_>) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let mut attribute = set.nested(Tag::SEQUENCE).ok()?;
        let id = Oid::decode(&mut attribute).ok()?;
        let value = value(&attribute.any().ok()?);
        Some(format!("{}={}", oids::attribute(id).unwrap_or(&id.to_string()), quoted(&value)))
    })
}

/// A value of RFC 4514 §2.4, with a backslash before each character that has a meaning.
fn quoted(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::new();
    for (at, c) in value.chars().enumerate() {
        let at_end = c == ' ' && (at == 0 || at == last);
        if at_end || (c == '#' && at == 0) || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// The text of a value, or its DER in hexadecimal if it is no text.
pub fn value(value: &Element<'_>) -> String {
    /// BMPString and TeletexString, which old certificates have.
    const BMP_STRING: Tag = Tag(0x1e);
    const TELETEX_STRING: Tag = Tag(0x14);
    let bytes = value.contents.rest();
    match value.tag {
        Tag::UTF8_STRING | Tag::PRINTABLE_STRING | Tag::IA5_STRING | Tag::VISIBLE_STRING | TELETEX_STRING => {
            escaped(bytes, SHOWN)
        }
        BMP_STRING => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            let text: String =
                char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            escaped(text.as_bytes(), SHOWN)
        }
        _ => format!("0x{}", hex(value.der)),
    }
}

/// A name of an extension, with its kind before it: `dns:www.example.com`.
pub fn general(name: &GeneralName<'_>) -> String {
    let text = |text: &str| escaped(text.as_bytes(), SHOWN);
    match name {
        GeneralName::Dns(name) => format!("dns:{}", text(name)),
        GeneralName::Email(address) => format!("email:{}", text(address)),
        GeneralName::Uri(uri) => format!("uri:{}", text(uri)),
        GeneralName::Ip(bytes) => format!("ip:{}", address(bytes)),
        GeneralName::Directory(name) => format!("directory:{}", distinguished(name)),
        GeneralName::Other(id, value) => format!("other:{id}=0x{}", hex(value.rest())),
        GeneralName::RegisteredId(id) => format!("registered-id:{id}"),
        GeneralName::X400(value) => format!("x400:0x{}", hex(value.rest())),
        GeneralName::EdiParty(value) => format!("edi-party:0x{}", hex(value.rest())),
    }
}

/// An address, or an address and its mask as `192.0.2.0/24`.
fn address(bytes: &[u8]) -> String {
    let plain = |bytes: &[u8]| match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => Some(Ipv4Addr::from(v4).to_string()),
        (_, Ok(v6)) => Some(Ipv6Addr::from(v6).to_string()),
        _ => None,
    };
    let (start, mask) = bytes.split_at(bytes.len() / 2);
    if let Some(address) = plain(bytes).filter(|_| matches!(bytes.len(), 4 | 16)) {
        return address;
    }
    match plain(start).filter(|_| matches!(bytes.len(), 8 | 32)) {
        Some(address) => format!("{address}/{}", mask.iter().map(|byte| byte.count_ones()).sum::<u32>()),
        None => format!("0x{}", hex(bytes)),
    }
}

/// All names with commas between them, or `none`.
pub fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The first names, and the number of the others.
pub fn first(names: impl Iterator<Item = String>) -> String {
    /// The number of names that are shown.
    const NAMES: usize = 10;
    let names: Vec<_> = names.collect();
    let others = names.len().saturating_sub(NAMES);
    let others = (others > 0).then(|| format!("{others} others"));
    list(names.into_iter().take(NAMES).chain(others))
}
