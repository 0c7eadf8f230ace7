//! X.509 for `minipki inspect`: one object, or a chain of certificates.

use minipki_core::encoding::der::DerError;
use minipki_core::x509::Certificate;

use super::super::inspected::Inspected;
use super::fields::{self, Lines};
use super::files::{self, Kind};
use super::names::distinguished;
use super::{malformed, ocsp, request, revocation_list};

/// Explains the objects of X.509 in `content`; `None` if it has none.
pub(in crate::cli) fn inspected(content: &[u8]) -> Option<Inspected> {
    let objects = files::objects(content)?;
    if let [(kind, der)] = &objects[..] {
        let (name, purpose) = names(*kind);
        let (mut lines, mut error) = (Lines::default(), None);
        add(*kind, der, &mut lines, &mut error);
        return Some(Inspected { name, purpose, lines: lines.lines, error });
    }
    let (mut lines, mut first_error) = (Lines::default(), None);
    for (number, (kind, der)) in (1..).zip(&objects) {
        let subject = der.as_ref().ok().and_then(|der| Certificate::parse(der).ok());
        let subject = subject.map_or_else(|| kind.name().to_owned(), |found| distinguished(found.subject()));
        let (_, purpose) = names(*kind);
        lines.add(format!("{} {number}", kind.name()), subject, purpose);
        let mut error = None;
        lines.within(|lines| add(*kind, der, lines, &mut error));
        first_error = first_error.or(error.map(|error| format!("{} {number}: {error}", kind.name())));
    }
    let (name, purpose) = ("X.509 chain", "several objects in one file (RFC 7468); public");
    Some(Inspected { name, purpose, lines: lines.lines, error: first_error })
}

/// The name and the purpose of an object.
const fn names(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Certificate => ("X.509 certificate", "binds a key to names (RFC 5280 4.1); public"),
        Kind::Request => {
            ("X.509 certificate request", "asks a CA for a certificate (PKCS#10, RFC 2986); public")
        }
        Kind::Crl => ("X.509 CRL", "lists revoked certificates (RFC 5280 5.1); public"),
        Kind::OcspResponse => {
            ("OCSP response", "states whether certificates are revoked (RFC 6960 4.2); public")
        }
    }
}

/// Adds the fields of an object, or its error.
fn add(kind: Kind, der: &Result<Vec<u8>, String>, lines: &mut Lines, error: &mut Option<String>) {
    let der = match der {
        Ok(der) => der,
        Err(text) => {
            *error = Some(text.clone());
            return;
        }
    };
    let read: Result<(), DerError> = match kind {
        Kind::Certificate => {
            Certificate::parse(der).and_then(|certificate| fields::certificate(&certificate, lines))
        }
        Kind::Request => request::request(der, lines),
        Kind::Crl => revocation_list::list(der, lines),
        Kind::OcspResponse => ocsp::response(der, lines),
    };
    *error = read.err().map(|error| match kind {
        Kind::Certificate => malformed::seen(der, error),
        _ => error.to_string(),
    });
}
