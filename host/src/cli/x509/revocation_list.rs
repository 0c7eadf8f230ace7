//! The fields of a CRL (RFC 5280 §5.1), each with its reason.

use minipki_core::encoding::der::{Decode, DerError, Reader, Tag};
use minipki_core::x509::Crl;
use minipki_core::x509::extension::RawExtension;
use minipki_net::trace::explain::{hex, hex_bytes};

use super::fields::Lines;
use super::names::distinguished;
use super::{algorithm, extensions};

/// The number of entries that are shown.
const SHOWN: usize = 10;

/// Adds all fields of a CRL.
///
/// # Errors
/// The first error of the encoding.
pub(super) fn list(der: &[u8], lines: &mut Lines) -> Result<(), DerError> {
    let crl = Crl::parse(der)?;
    lines.add("version", "2", "the version of the format: 2 is the one with extensions (RFC 5280 5.1.2.1)");
    let why = "the algorithm of the signature, within the signed part (RFC 5280 5.1.2.2)";
    lines.add("signature", algorithm::signature(crl.signed_algorithm()), why);
    lines.add("issuer", distinguished(crl.issuer()), "the CA that signed the list (RFC 5280 5.1.2.3)");
    lines.add("thisUpdate", crl.this_update().to_string(), "the time of the list (RFC 5280 5.1.2.4)");
    let next = crl.next_update().map_or_else(|| "none".to_owned(), |time| time.to_string());
    let why = "a newer list is there by then; after it this one is not used (RFC 5280 5.1.2.5)";
    lines.add("nextUpdate", next, why);
    let count = crl.entries().count();
    let why = "the certificates that must not be accepted any more (RFC 5280 5.1.2.6)";
    lines.add("revokedCertificates", count.to_string(), why);
    lines.within(|lines| {
        for entry in crl.entries().take(SHOWN) {
            let reason = entry.reason.map(|reason| format!(", reason {reason}")).unwrap_or_default();
            let value = format!("revoked at {}{reason}", entry.revoked_at);
            lines.add(hex(entry.serial), value, "the serial number, the time and the reason (RFC 5280 5.3)");
        }
        if count > SHOWN {
            lines.add("others", (count - SHOWN).to_string(), "not shown here: the file has all entries");
        }
    });
    let list: Vec<_> = raw_extensions(der).collect();
    if !list.is_empty() {
        let why = "a program that does not know a critical extension must not use the list (RFC 5280 5.2)";
        lines.add("crlExtensions", list.len().to_string(), why);
        lines.within(|lines| list.into_iter().try_for_each(|extension| extensions::add(extension, lines)))?;
    }
    let signed = crl.signed();
    let why = "the algorithm again; it must be that of the field signature (RFC 5280 5.1.1.2)";
    lines.add("signatureAlgorithm", algorithm::signature(signed.algorithm), why);
    let why = "the signature of the issuer over the fields above; not verified here (RFC 5280 5.1.1.3)";
    lines.add("signatureValue", hex_bytes(signed.signature), why);
    Ok(())
}

/// The extensions of a CRL that is well formed.
fn raw_extensions(der: &[u8]) -> impl Iterator<Item = RawExtension<'_>> {
    let list = || {
        let mut fields = Reader::new(der).nested(Tag::SEQUENCE).ok()?.nested(Tag::SEQUENCE).ok()?;
        while fields.peek()? != Tag::constructed(0) {
            fields.any().ok()?;
        }
        fields.nested(Tag::constructed(0)).ok()?.nested(Tag::SEQUENCE).ok()
    };
    let mut list = list();
    std::iter::from_fn(move || RawExtension::decode(list.as_mut()?).ok())
}
