//! The fields of a certificate, each with its reason.

use minipki_core::crypto::{Hash, Portable};
use minipki_core::encoding::der::DerError;
use minipki_core::x509::{Certificate, PublicKeyInfo, Version};
use minipki_net::trace::explain::{Line, hex, hex_bytes};

use super::algorithm::{self, Key};
use super::extensions;
use super::names::distinguished;

/// Lines for the user, at a depth.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    depth: usize,
}

impl Lines {
    pub(super) fn add(&mut self, name: impl Into<String>, value: impl Into<String>, why: &'static str) {
        self.lines.push(Line { depth: self.depth, name: name.into(), value: value.into(), why });
    }

    /// Adds the lines of `inner` one level deeper.
    pub(super) fn within<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
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
pub(super) fn certificate(certificate: &Certificate<'_>, lines: &mut Lines) -> Result<(), DerError> {
    let version = match certificate.version() {
        Version::V1 => "1",
        Version::V2 => "2",
        Version::V3 => "3",
    };
    lines.add(
        "version",
        version,
        "the version of the format: 3 is the one with extensions (RFC 5280 4.1.2.1)",
    );
    let why =
        "tells the certificates of an issuer apart, for example in lists of revoked ones (RFC 5280 4.1.2.2)";
    lines.add("serialNumber", hex(certificate.serial()), why);
    let why = "the algorithm of the issuer, within the signed part, so that nobody can exchange it (RFC 5280 4.1.2.3)";
    lines.add("signature", algorithm::signature(certificate.signed_algorithm()), why);
    let why = "the name of the CA that signed the certificate; not verified here (RFC 5280 4.1.2.4)";
    lines.add("issuer", distinguished(certificate.issuer()), why);
    lines.add(
        "validity",
        "2 times",
        "the time in which the issuer vouches for the certificate (RFC 5280 4.1.2.5)",
    );
    lines.within(|lines| {
        lines.add("notBefore", certificate.not_before().to_string(), "the first second of the validity");
        lines.add("notAfter", certificate.not_after().to_string(), "the last second of the validity");
    });
    let why = "the name of the holder of the key; it may be empty if subjectAltName has the names (RFC 5280 4.1.2.6)";
    lines.add("subject", distinguished(certificate.subject()), why);
    public_key(certificate.public_key(), lines);
    if certificate.has_unique_ids() {
        let why = "an old way to tell equal names apart, which CAs must not use (RFC 5280 4.1.2.8)";
        lines.add("uniqueIDs", "present", why);
    }
    let list: Vec<_> = certificate.extensions().collect();
    let mut read = Ok(());
    if !list.is_empty() {
        let why =
            "a program that does not know a critical extension must refuse the certificate (RFC 5280 4.2)";
        lines.add("extensions", list.len().to_string(), why);
        lines.within(|lines| {
            for extension in list {
                read = read.and(extensions::add(extension, lines));
            }
        });
    }
    let why = "the algorithm again; it must be that of the field signature (RFC 5280 4.1.1.2)";
    lines.add("signatureAlgorithm", algorithm::signature(certificate.signature_algorithm()), why);
    let why = "the signature of the issuer over the fields above; not verified here (RFC 5280 4.1.1.3)";
    lines.add("signatureValue", hex_bytes(certificate.signature()), why);
    let why = "not a field: the digest of the whole certificate, to compare it with a copy";
    lines.add("SHA-256", hex(&Portable::new().sha256(&[certificate.der()])), why);
    read
}

/// Adds the fields of a SubjectPublicKeyInfo.
pub(super) fn public_key(info: &PublicKeyInfo<'_>, lines: &mut Lines) {
    let why = "the public key of the subject, which has the private key (RFC 5280 4.1.2.7)";
    lines.add("subjectPublicKeyInfo", algorithm::key_words(info), why);
    lines.within(|lines| match algorithm::key(info) {
        Key::Rsa { modulus, exponent, .. } => {
            lines.add("modulus", hex_bytes(modulus), "the product of two secret primes");
            lines.add("exponent", format!("0x{}", hex(exponent)), "nearly always 0x010001, that is 65537");
        }
        Key::Curve(_) => lines.add("point", hex_bytes(info.key()), "a point on the curve (RFC 5480 2.2)"),
        Key::Other(_) => lines.add("key", hex_bytes(info.key()), "the key in the form of its algorithm"),
    });
}
