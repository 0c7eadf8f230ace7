//! The fields of a certificate request (PKCS#10, RFC 2986), each with its reason.

use minipki_core::encoding::der::{BitString, Decode, DerError, DerErrorKind, Oid, Reader, SequenceOf, Tag};
use minipki_core::x509::extension::RawExtension;
use minipki_core::x509::{Name, PublicKeyInfo};
use minipki_net::trace::explain::{hex, hex_bytes};

use super::fields::{Lines, public_key};
use super::names::{distinguished, value};
use super::{algorithm, extensions, oids};

/// extensionRequest (RFC 2985 §5.4.2): 1.2.840.113549.1.9.14.
const EXTENSION_REQUEST: Oid<'static> = Oid::from_contents(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14]);

/// Adds all fields of a request.
///
/// # Errors
/// The first error of the encoding. The fields before it are there.
pub(super) fn request(der: &[u8], lines: &mut Lines) -> Result<(), DerError> {
    let mut document = Reader::new(der);
    let mut request = document.nested(Tag::SEQUENCE)?;
    document.finish()?;
    let mut info = request.nested(Tag::SEQUENCE)?;
    let here = info;
    if info.integer(Tag::INTEGER)? != [0] {
        return Err(here.error(DerErrorKind::Version));
    }
    lines.add("version", "1", "the version of the format; there is no other (RFC 2986 4.1)");
    let why = "the name that the requester asks for; the CA decides (RFC 2986 4.1)";
    lines.add("subject", distinguished(&Name::decode(&mut info)?), why);
    public_key(&PublicKeyInfo::decode(&mut info)?, 0..0, lines);
    let mut attributes = info.nested(Tag::constructed(0))?;
    info.finish()?;
    let why = "other wishes of the requester (RFC 2985 5.4)";
    lines.add("attributes", if attributes.is_empty() { "none" } else { "below" }, why);
    lines.within(|lines| {
        while !attributes.is_empty() {
            attribute(attributes.nested(Tag::SEQUENCE)?, lines)?;
        }
        Ok(())
    })?;
    let signed_by = request.nested(Tag::SEQUENCE)?;
    let why = "the algorithm of the signature (RFC 2986 4.2)";
    lines.add("signatureAlgorithm", algorithm::signature(signed_by.rest()), why);
    let value = BitString::whole_bytes(&mut request)?;
    request.finish()?;
    let why =
        "the requester's signature over the fields above: it proves that the requester has the private key";
    lines.add("signature", hex_bytes(value), why);
    Ok(())
}

/// Adds an attribute, from the contents of its SEQUENCE.
fn attribute(mut fields: Reader<'_>, lines: &mut Lines) -> Result<(), DerError> {
    let id = Oid::decode(&mut fields)?;
    let mut values = fields.nested(Tag::SET)?;
    fields.finish()?;
    if id == EXTENSION_REQUEST {
        let wanted: SequenceOf<'_, RawExtension<'_>> = SequenceOf::decode(&mut values)?;
        values.finish()?;
        let why = "the extensions that the certificate should have (RFC 2985 5.4.2)";
        lines.add(oids::short(id), wanted.count().to_string(), why);
        return lines
            .within(|lines| wanted.into_iter().try_for_each(|extension| extensions::add(extension, lines)));
    }
    let shown = match values.any() {
        // Some CAs take a password to revoke the certificate.
        Ok(_) if oids::name(id) == Some("challengePassword") => "not shown: it may be a secret".to_owned(),
        Ok(first) => value(&first),
        Err(_) => format!("0x{}", hex(values.rest())),
    };
    lines.add(oids::short(id), shown, "another attribute, which the CA may use or not");
    Ok(())
}
