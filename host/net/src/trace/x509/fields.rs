//! The fields of a certificate, each with its reason.

use std::mem;
use std::ops::Range;

use crate::trace::explain::{Line, hex, hex_bytes};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::encoding::der::DerError;
use minipki_core::x509::{Certificate, PublicKeyInfo, Version};

use super::algorithm::{self, Key};
use super::extensions;
use super::names::distinguished;
use super::places::{Places, within};

/// Lines for the user, at a depth, and the bytes that each of them comes from.
#[derive(Default)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<Line>,
    /// For each line, its bytes as offsets in the object; empty if they are not known.
    pub places: Vec<Range<usize>>,
    depth: usize,
    place: Range<usize>,
}

impl Lines {
    /// Adds a line.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>, why: &'static str) {
        self.lines.push(Line { depth: self.depth, name: name.into(), value: value.into(), why });
        self.places.push(mem::take(&mut self.place));
    }

    /// Sets the bytes of the next line.
    pub fn at(&mut self, place: Range<usize>) -> &mut Self {
        self.place = place;
        self
    }

    /// Adds the lines of `inner` one level deeper.
    pub fn within<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let done = inner(self);
        self.depth -= 1;
        done
    }
}

/// Adds all fields of a certificate.
///
/// # Errors
/// The error of an extension that is malformed. The fields are there nevertheless.
pub fn certificate(certificate: &Certificate<'_>, lines: &mut Lines) -> Result<(), DerError> {
    let at = Places::of(certificate.der()).unwrap_or_default();
    let version = match certificate.version() {
        Version::V1 => "1",
        Version::V2 => "2",
        Version::V3 => "3",
    };
    lines.at(at.version).add(
        "version",
        version,
        "the version of the format: 3 is the one with extensions (RFC 5280 4.1.2.1)",
    );
    let why =
        "tells the certificates of an issuer apart, for example in lists of revoked ones (RFC 5280 4.1.2.2)";
    lines.at(at.serial).add("serialNumber", hex(certificate.serial()), why);
    let why = "the algorithm of the issuer, within the signed part, so that nobody can exchange it (RFC 5280 4.1.2.3)";
    lines.at(at.signature).add("signature", algorithm::signature(certificate.signed_algorithm()), why);
    let why = "the name of the CA that signed the certificate; not verified here (RFC 5280 4.1.2.4)";
    lines.at(at.issuer).add("issuer", distinguished(certificate.issuer()), why);
    lines.at(at.validity).add(
        "validity",
        "2 times",
        "the time in which the issuer vouches for the certificate (RFC 5280 4.1.2.5)",
    );
    lines.within(|lines| {
        lines.at(at.not_before).add(
            "notBefore",
            certificate.not_before().to_string(),
            "the first second of the validity",
        );
        lines.at(at.not_after).add(
            "notAfter",
            certificate.not_after().to_string(),
            "the last second of the validity",
        );
    });
    let why = "the name of the holder of the key; it may be empty if subjectAltName has the names (RFC 5280 4.1.2.6)";
    lines.at(at.subject).add("subject", distinguished(certificate.subject()), why);
    public_key(certificate.public_key(), at.public_key, lines);
    if certificate.has_unique_ids() {
        let why = "an old way to tell equal names apart, which CAs must not use (RFC 5280 4.1.2.8)";
        lines.add("uniqueIDs", "present", why);
    }
    let list: Vec<_> = certificate.extensions().collect();
    let mut read = Ok(());
    if !list.is_empty() {
        let why =
            "a program that does not know a critical extension must refuse the certificate (RFC 5280 4.2)";
        lines.at(at.extensions).add("extensions", list.len().to_string(), why);
        lines.within(|lines| {
            for (number, extension) in list.into_iter().enumerate() {
                let place = at.each_extension.get(number).cloned().unwrap_or_default();
                read = read.and(extensions::add(extension, lines.at(place)));
            }
        });
    }
    let why = "the algorithm again; it must be that of the field signature (RFC 5280 4.1.1.2)";
    lines.at(at.signature_algorithm).add(
        "signatureAlgorithm",
        algorithm::signature(certificate.signature_algorithm()),
        why,
    );
    let why = "the signature of the issuer over the fields above; not verified here (RFC 5280 4.1.1.3)";
    lines.at(at.signature_value).add("signatureValue", hex_bytes(certificate.signature()), why);
    let why = "not a field: the digest of the whole certificate, to compare it with a copy";
    lines.add("SHA-256", hex(&Portable::new().sha256(&[certificate.der()])), why);
    read
}

/// Adds the fields of a SubjectPublicKeyInfo, whose bytes are at `place`; an empty range if they are not known.
pub fn public_key(info: &PublicKeyInfo<'_>, place: Range<usize>, lines: &mut Lines) {
    let start = (!place.is_empty()).then_some(place.start);
    let at = |part: &[u8]| start.map_or(0..0, |start| within(start, info.der(), part));
    let why = "the public key of the subject, which has the private key (RFC 5280 4.1.2.7)";
    lines.at(place).add("subjectPublicKeyInfo", algorithm::key_words(info), why);
    lines.within(|lines| match algorithm::key(info) {
        Key::Rsa { modulus, exponent, .. } => {
            lines.at(at(modulus)).add("modulus", hex_bytes(modulus), "the product of two secret primes");
            lines.at(at(exponent)).add(
                "exponent",
                format!("0x{}", hex(exponent)),
                "nearly always 0x010001, that is 65537",
            );
        }
        Key::Curve(_) => lines.at(at(info.key())).add(
            "point",
            hex_bytes(info.key()),
            "a point on the curve (RFC 5480 2.2)",
        ),
        Key::Other(_) => {
            lines.at(at(info.key())).add(
                "key",
                hex_bytes(info.key()),
                "the key in the form of its algorithm",
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &[u8] = include_bytes!("../../../../../core/examples/data/x509/server.der");

    #[test]
    fn each_field_has_its_own_bytes_within_those_of_its_parent() {
        let parsed = Certificate::parse(SERVER).expect("sound");
        let mut lines = Lines::default();
        certificate(&parsed, &mut lines).expect("sound extensions");
        let place = |name: &str| {
            let at = lines.lines.iter().position(|line| line.name == name).expect(name);
            lines.places[at].clone()
        };
        assert!(SERVER[place("serialNumber")].ends_with(parsed.serial()));
        assert!(SERVER[place("signatureValue")].ends_with(parsed.signature()));
        assert_eq!(&SERVER[place("subjectPublicKeyInfo")], parsed.public_key().der());
        assert_eq!(place("signatureValue").end, SERVER.len());
        assert!(place("SHA-256").is_empty());
        // The fields at depth 0 follow each other, and their parts are within them.
        let (mut end, mut parent) = (0, 0..0);
        for (line, place) in lines.lines.iter().zip(&lines.places).filter(|(_, place)| !place.is_empty()) {
            if line.depth == 0 {
                assert!(place.start >= end, "{}", line.name);
                (end, parent) = (place.end, place.clone());
            }
            assert!(parent.start <= place.start && place.end <= parent.end, "{}", line.name);
        }
    }
}
