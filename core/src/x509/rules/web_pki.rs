//! Rules of the CA/Browser Forum's Baseline Requirements for TLS servers, as far as a reader can check them.

use core::net::Ipv6Addr;

use super::Rules;
use super::ca_duties::rsa_modulus_bits;
use crate::x509::error::Failed;
use crate::x509::extension::{AuthorityKeyId, ExtendedKeyUsage, SubjectAltName, SubjectKeyId};
use crate::x509::{Check, GeneralName, Place, oid};

/// The contents of the AlgorithmIdentifiers of keys on P-256, P-384 and P-521 (RFC 5480 §2.1.1.1).
const NIST_KEYS: [&[u8]; 3] = [
    &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
    &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22],
    &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x23],
];

/// The contents of the AlgorithmIdentifier of an RSA key (RFC 3279 §2.3.1).
const RSA_KEY: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

impl Rules<'_, '_> {
    pub(super) fn check_web_pki(&self) -> Result<(), Failed> {
        let certificate = self.certificate;
        self.require(Check::KeyKind, || match rsa_modulus_bits(certificate) {
            Some(bits) => {
                bits.is_ok_and(|bits| bits % 8 == 0) && certificate.public_key().algorithm() == RSA_KEY
            }
            None => NIST_KEYS.contains(&certificate.public_key().algorithm()),
        })?;

        let authority = certificate.extension::<AuthorityKeyId<'_>>()?;
        let subject_key = certificate.extension::<SubjectKeyId<'_>>()?.map(|found| found.value.0);
        let is_root = self.is_anchor() && certificate.is_self_issued();
        self.require(Check::AuthorityKeyIdForm, || {
            authority.is_none_or(|found| {
                found.value.certificate.is_none()
                    && found.value.key_id.is_some()
                    && (!is_root || found.value.key_id == subject_key)
            })
        })?;

        let purposes = certificate.extension::<ExtendedKeyUsage<'_>>()?;
        self.require(Check::RootPurpose, || !is_root || purposes.is_none())?;
        if self.place != Place::EndEntity {
            return Ok(());
        }
        let is_ca = self.is_ca()?;
        self.require(Check::ServerNotCa, || !is_ca)?;
        self.require(Check::ServerPurpose, || {
            purposes.is_some_and(|found| !found.critical && !found.value.contains(oid::ANY_PURPOSE))
        })?;
        let alt_name = certificate.extension::<SubjectAltName<'_>>()?;
        self.require(Check::ServerAltName, || {
            alt_name.is_some_and(|found| found.critical == certificate.subject().is_empty())
        })?;
        let names = || alt_name.into_iter().flat_map(|found| found.value.0);
        self.require(Check::Wildcard, || names().all(|name| is_narrow(&name)))?;
        self.require(Check::CommonName, || {
            let attributes = certificate.subject().attributes();
            let mut common = attributes.filter(|attribute| attribute.id == oid::COMMON_NAME);
            // There is at most one (BR 7.1.4.2), which also bounds the work.
            common
                .next()
                .is_none_or(|common| names().any(|name| is_copy(common.value.contents.rest(), &name)))
                && common.next().is_none()
        })
    }
}

/// Returns whether a wildcard, if there is one, stands before at least two labels.
fn is_narrow(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::Dns(name) => match name.strip_prefix("*.") {
            Some(rest) => rest.bytes().any(|byte| byte == b'.'),
            None => name.bytes().all(|byte| byte != b'*'),
        },
        _ => true,
    }
}

/// Returns whether a commonName is a copy of `name`: the same characters, or the text of an IP address.
fn is_copy(common: &[u8], name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::Dns(name) => common == name.as_bytes(),
        GeneralName::Ip(address) => {
            let mut text = heapless::String::<40>::new();
            if let Ok(bytes) = <[u8; 4]>::try_from(*address) {
                write_v4(bytes, &mut text).is_ok() && common == text.as_bytes()
            } else if let Ok(bytes) = <[u8; 16]>::try_from(*address) {
                write_v6(Ipv6Addr::from(bytes).segments(), &mut text).is_ok() && common == text.as_bytes()
            } else {
                false
            }
        }
        _ => false,
    }
}

/// Writes an IPv4 address (RFC 3986 §3.2.2).
fn write_v4([a, b, c, d]: [u8; 4], text: &mut impl core::fmt::Write) -> core::fmt::Result {
    write!(text, "{a}.{b}.{c}.{d}")
}

/// Writes an IPv6 address (RFC 5952 §4): lower case, no leading zeros, `::` for the first of the longest runs of zeros.
fn write_v6(segments: [u16; 8], text: &mut impl core::fmt::Write) -> core::fmt::Result {
    let run = |start: usize| segments.iter().skip(start).take_while(|segment| **segment == 0).count();
    let (start, length) =
        (0..8).map(|start| (start, run(start))).rev().max_by_key(|(_, length)| *length).unwrap_or_default();
    let end = start.saturating_add(length);
    for (at, segment) in segments.iter().enumerate() {
        if length > 1 && (start..end).contains(&at) {
            if at == start {
                text.write_str("::")?;
            }
            continue;
        }
        if at > 0 && !(length > 1 && at == end) {
            text.write_str(":")?;
        }
        write!(text, "{segment:x}")?;
    }
    Ok(())
}
