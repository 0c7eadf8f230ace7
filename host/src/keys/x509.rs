//! An X.509 certificate for the CA's own console, issued with the CA's key.
//!
//! Browsers read neither MiniPKI's certificates nor X25519 keys, so the console's is X.509 for a
//! fresh P-256 key. What the CA's key signs here begins with DER's `0x30`, and what it signs for
//! MiniPKI with `{`, under another padding: neither can stand for the other.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber, date_time_ymd,
};
use zeroize::Zeroizing;

use super::{CaFolder, FolderError};

/// A name that nobody has (RFC 2606 §2): permitted where no name is to be.
const NOBODY: &str = "minipki.invalid";

/// Bytes of a root's serial number.
const SERIAL: usize = 16;

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
    /// Issues a certificate for `names`, DNS names and IP addresses, good for a year. The root is
    /// the same whenever the key and the names are.
    ///
    /// # Errors
    /// [`FolderError::Key`] and its like if the CA's key is unusable, [`FolderError::Generate`] for
    /// a name that no certificate can carry.
    pub fn tls_identity(&self, names: &[String]) -> Result<TlsIdentity, FolderError> {
        let pem = self.key_pem()?;
        let pem = std::str::from_utf8(&pem).map_err(failed)?;
        let ca = KeyPair::from_pem(pem).map_err(failed)?;
        let root = self.root(names).map_err(failed)?;
        let certificate = root.self_signed(&ca).map_err(failed)?;
        let issuer = Issuer::new(root, ca);

        let key = KeyPair::generate().map_err(failed)?;
        let leaf = leaf(names).and_then(|leaf| leaf.signed_by(&key, &issuer)).map_err(failed)?;
        Ok(TlsIdentity {
            certificate: leaf.der().to_vec(),
            root: certificate.der().to_vec(),
            root_pem: certificate.pem(),
            key: Zeroizing::new(key.serialize_der()),
        })
    }

    fn root(&self, names: &[String]) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, self.issuer_id().as_str());
        params.distinguished_name.push(DnType::OrganizationalUnitName, "MiniPKI console");
        params.serial_number = self.fingerprint().0.get(..SERIAL).map(SerialNumber::from_slice);
        // Fixed, so that the root is the same at every start: it stands for the key.
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let mut permitted_subtrees: Vec<_> = names.iter().map(|name| subtree(name)).collect();
        // A kind of name without any entry would be unconstrained (RFC 5280 §4.2.1.10).
        permitted_subtrees.push(GeneralSubtree::DnsName(NOBODY.to_owned()));
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        Ok(params)
    }
}

fn subtree(name: &str) -> GeneralSubtree {
    match name.parse::<IpAddr>() {
        Ok(ip) => {
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, if ip.is_ipv4() { 32 } else { 128 }))
        }
        Err(_) => GeneralSubtree::DnsName(name.to_owned()),
    }
}

fn leaf(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
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

fn failed(reason: impl ToString) -> FolderError {
    FolderError::Generate(reason.to_string())
}
