//! Certification requests by PKCS#10 (RFC 2986).

use der::Decode as _;
use der::Encode as _;
use der::oid::AssociatedOid;
use der::oid::db::rfc5912::ID_RSASSA_PSS;
use miette::Diagnostic;
use minipki_core::encoding::der::{BitString, DerError, Reader, Tag};
use minipki_core::x509::{Check, PublicKeyInfo, SignatureAlgorithm, Signed};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::DirectoryString;
use x509_cert::request::{CertReqInfo, ExtensionReq};

use super::profile::{ProfileError, SubjectName};

/// A request whose signature was made with the private key of its public key.
///
/// Of its attributes, only the names in subjectAltName are used. The other fields of the certificate are those of the
/// profile.
#[derive(Clone, Debug)]
pub struct Csr {
    der: Vec<u8>,
    common_name: Option<String>,
    public_key: Vec<u8>,
    names: Vec<SubjectName>,
}

/// The reason why a request is refused.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum CsrError {
    /// The outer structure is malformed.
    #[error("not a certification request: {0}")]
    #[diagnostic(help("make it again, for example with: openssl req -new"))]
    Encoding(#[from] DerError),
    /// A field is malformed.
    #[error("a field of the certification request is malformed: {0}")]
    #[diagnostic(help("make it again, for example with: openssl req -new"))]
    Field(#[from] der::Error),
    /// The signature algorithm is not accepted.
    #[error("the certification request is signed with an algorithm that is not accepted")]
    #[diagnostic(help("sign it with SHA-256: RSA, ECDSA on P-256 or P-384, or Ed25519"))]
    Algorithm,
    /// The key is not accepted.
    #[error("the key of the certification request is not accepted")]
    #[diagnostic(help(
        "make another key: RSA of 2048, 3072 or 4096 bits with the exponent 65537, P-256, P-384 or Ed25519"
    ))]
    Key,
    /// The signature is not by the key.
    #[error("the signature of the certification request is not by its key")]
    #[diagnostic(help("the request was damaged or changed; get a new copy from its source"))]
    Signature,
    /// An attribute or an extension occurs twice.
    #[error("the certification request asks twice for the same extension")]
    #[diagnostic(help("make it again, with one list of names"))]
    Twice,
    /// A name in it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Name(#[from] ProfileError),
}

impl Csr {
    /// Reads a request in DER, and verifies its signature by one of `algorithms`. This proves the possession of the private
    /// key (RFC 4211 §4.1).
    ///
    /// # Errors
    /// [`CsrError`].
    pub fn parse(der: &[u8], algorithms: &[&dyn SignatureAlgorithm]) -> Result<Self, CsrError> {
        let mut document = Reader::new(der);
        let mut request = document.nested(Tag::SEQUENCE)?;
        document.finish()?;
        let message = request.element(Tag::SEQUENCE)?.der;
        let algorithm = request.nested(Tag::SEQUENCE)?.rest();
        let signature = BitString::whole_bytes(&mut request)?;
        request.finish()?;
        let CertReqInfo { subject, public_key, attributes, .. } = CertReqInfo::from_der(message)?;
        // An RSA key has one form, so that a revoked key is found again (RFC 4055 §1.2 has a second one).
        if public_key.algorithm.oid == ID_RSASSA_PSS {
            return Err(CsrError::Key);
        }
        let public_key = public_key.to_der()?;
        Signed { algorithm, message, signature }
            .verify(algorithms, &PublicKeyInfo::parse(&public_key)?)
            .map_err(|check| match check {
                Check::SignatureAlgorithm => CsrError::Algorithm,
                Check::IssuerKey => CsrError::Key,
                _ => CsrError::Signature,
            })?;

        let mut requested = Vec::new();
        for attribute in attributes.iter().filter(|attribute| attribute.oid == ExtensionReq::OID) {
            for value in attribute.values.iter() {
                requested.push(ExtensionReq::from_der(&value.to_der()?)?.0);
            }
        }
        if requested.len() > 1 {
            return Err(CsrError::Twice);
        }
        let alt_names =
            requested.iter().flatten().filter(|extension| extension.extn_id == SubjectAltName::OID);
        let mut names = Vec::new();
        for (number, extension) in alt_names.enumerate() {
            if number > 0 {
                return Err(CsrError::Twice);
            }
            for name in SubjectAltName::from_der(extension.extn_value.as_bytes())?.0 {
                let name = SubjectName::new(&name)?;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let common_name = subject.common_name().ok().flatten().and_then(|name| match name {
            DirectoryString::Utf8String(text) => Some(text),
            DirectoryString::PrintableString(text) => Some(text.to_string()),
            _ => None,
        });
        Ok(Self { der: der.to_vec(), common_name, public_key, names })
    }

    /// The request in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The common name in its subject. The CA does not check it, and no certificate has it.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The public key: SubjectPublicKeyInfo in DER.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The names in its subjectAltName, each once.
    pub fn names(&self) -> &[SubjectName] {
        &self.names
    }
}
