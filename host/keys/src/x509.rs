//! An X.509 certificate for the CA's own console, issued with the CA's key.
//!
//! Browsers read neither MiniPKI's certificates nor X25519 keys, so the console's is X.509 for a
//! fresh P-256 key. What the CA's key signs here begins with DER's `0x30`, and what it signs for
//! MiniPKI with `{`, under another padding: neither can stand for the other.

use std::net::IpAddr;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use zeroize::Zeroizing;

use super::{CaFolder, FolderError};

/// A name that nobody has (RFC 2606 §2): permitted where no name is to be.
const NOBODY: &[u8] = b"minipki.invalid";

/// Octets of a serial number, at most (RFC 5280 §4.1.2.2).
const SERIAL: usize = 20;

/// The extension nameConstraints, id-ce-nameConstraints (RFC 5280 §4.2.1.10).
const NAME_CONSTRAINTS: [u64; 4] = [2, 5, 29, 30];

/// Tags of the kinds of a GeneralName that the constraints are about (RFC 5280 §4.2.1.6).
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;

/// Why the console has no certificate of the CA's.
#[derive(Debug, thiserror::Error)]
pub enum TlsIdentityError {
    /// The CA's folder, or its key file.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The CA's key does not sign X.509 certificates.
    #[error(
        "the CA's key in {} cannot sign an X.509 certificate ({reason}); check it with: openssl pkey -in '{}/ca-key.pem' -noout -check",
        folder.display(), folder.display()
    )]
    CaKey {
        /// The CA's folder.
        folder: PathBuf,
        /// What AWS-LC says.
        reason: String,
    },
    /// There are no random numbers.
    #[error("the operating system gave no random numbers for a serial number: {0}; try again")]
    Entropy(#[from] getrandom::Error),
    /// No key for the console.
    #[error("no P-256 key could be generated for the console: {0}; try again")]
    Generate(rcgen::Error),
    /// A certificate could not be encoded or signed.
    #[error(
        "the {certificate} could not be issued for the names {names}: {source}; give other names with --name"
    )]
    Issue {
        /// Which one.
        certificate: &'static str,
        /// The names that it was to carry.
        names: String,
        /// What rcgen says.
        source: rcgen::Error,
    },
}

/// What TLS needs to serve as some names.
pub struct TlsIdentity {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The certificate of the CA's key that issued it, DER. It vouches for these names only, so
    /// that a browser may be told to trust it without giving the CA anything else.
    pub root: Vec<u8>,
    /// The same, PEM.
    pub root_pem: String,
    /// The private key, PKCS#8 DER.
    pub key: Zeroizing<Vec<u8>>,
}

impl CaFolder {
    /// Issues a certificate for `names`, DNS names and IP addresses, good for a year. Its root permits the same: DNS
    /// names with all names below them, and IP addresses. Each root has a serial number of its own. All roots of a
    /// key have one subject, so that a browser that trusts an earlier one goes on to trust it.
    ///
    /// # Errors
    /// [`TlsIdentityError`]: what failed.
    pub fn tls_identity(&self, names: &[String]) -> Result<TlsIdentity, TlsIdentityError> {
        let ca_key = |reason: &dyn ToString| TlsIdentityError::CaKey {
            folder: self.path().to_owned(),
            reason: reason.to_string(),
        };
        let issue = |certificate, names: &[String]| {
            let names = names.join(", ");
            move |source| TlsIdentityError::Issue { certificate, names, source }
        };
        let pem = self.key_pem()?;
        let pem = std::str::from_utf8(&pem).map_err(|error| ca_key(&error))?;
        let ca = KeyPair::from_pem(pem).map_err(|error| ca_key(&error))?;
        let root = self.root(names)?;
        let certificate = root.self_signed(&ca).map_err(issue("root certificate", names))?;
        let issuer = Issuer::new(root, ca);

        let key = KeyPair::generate().map_err(TlsIdentityError::Generate)?;
        let serial = serial()?;
        let leaf = leaf(names, serial).and_then(|leaf| leaf.signed_by(&key, &issuer));
        let leaf = leaf.map_err(issue("console's certificate", names))?;
        Ok(TlsIdentity {
            certificate: leaf.der().to_vec(),
            root: certificate.der().to_vec(),
            root_pem: certificate.pem(),
            key: Zeroizing::new(key.serialize_der()),
        })
    }

    fn root(&self, permitted: &[String]) -> Result<CertificateParams, getrandom::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, self.issuer_id().as_str());
        params.distinguished_name.push(DnType::OrganizationalUnitName, "MiniPKI console");
        params.serial_number = Some(serial()?);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.custom_extensions.push(name_constraints(permitted));
        Ok(params)
    }
}

/// Permits `names` and no other name of any kind that has a constraint: DNS names, IP addresses, e-mail addresses
/// and URIs. A kind of name without an entry would be unconstrained (RFC 5280 §4.2.1.10), so a kind that is not among
/// `names` permits a name that nobody has, and IP addresses of a version that is not are excluded.
fn name_constraints(names: &[String]) -> CustomExtension {
    let mut permitted = vec![subtree(EMAIL, NOBODY), subtree(URI, NOBODY), subtree(DNS, NOBODY)];
    let (mut v4, mut v6) = (false, false);
    for name in names {
        permitted.push(match name.parse() {
            Ok(IpAddr::V4(ip)) => {
                v4 = true;
                subtree(IP, &[ip.octets(), [0xff; 4]].concat())
            }
            Ok(IpAddr::V6(ip)) => {
                v6 = true;
                subtree(IP, &[ip.octets(), [0xff; 16]].concat())
            }
            Err(_) => subtree(DNS, name.as_bytes()),
        });
    }
    // An address and a mask of zeros: every address of that version.
    let mut excluded = Vec::new();
    if !v4 {
        excluded.push(subtree(IP, &[0; 8]));
    }
    if !v6 {
        excluded.push(subtree(IP, &[0; 32]));
    }
    let mut content = der(0xa0, &permitted.concat());
    if !excluded.is_empty() {
        content.extend(der(0xa1, &excluded.concat()));
    }
    let mut extension = CustomExtension::from_oid_content(&NAME_CONSTRAINTS, der(0x30, &content));
    extension.set_criticality(true);
    extension
}

/// A GeneralSubtree with this name: minimum is 0, the default, and maximum is absent.
fn subtree(kind: u8, name: &[u8]) -> Vec<u8> {
    der(0x30, &der(kind, name))
}

/// A DER value: tag, length in the shortest form, content (X.690 §8.1.3, §10.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[(content.len().leading_zeros() / 8) as usize..];
    let mut value = vec![tag];
    match significant {
        [] => value.push(0),
        [short @ ..=0x7f] => value.push(*short),
        long => {
            // At most 8 octets: the length of a length fits.
            value.push(0x80 | long.len() as u8);
            value.extend(long);
        }
    }
    value.extend(content);
    value
}

/// A random serial number of exactly [`SERIAL`] octets: positive, and without an octet of zeros before it.
fn serial() -> Result<SerialNumber, getrandom::Error> {
    let mut octets = [0; SERIAL];
    getrandom::fill(&mut octets)?;
    octets[0] = octets[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&octets))
}

fn leaf(names: &[String], serial: SerialNumber) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.serial_number = Some(serial);
    params.distinguished_name.push(DnType::CommonName, "MiniPKI console");
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::hours(1);
    params.not_after = now + time::Duration::days(365);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_in_the_shortest_form() {
        for (length, head) in
            [(0, &[0x30, 0][..]), (127, &[0x30, 127]), (128, &[0x30, 0x81, 128]), (256, &[0x30, 0x82, 1, 0])]
        {
            let value = der(0x30, &vec![7; length]);
            assert_eq!((&value[..head.len()], value.len()), (head, head.len() + length));
        }
    }
}
