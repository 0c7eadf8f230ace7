//! X.509 certificates of the CA's key that the CA has not made itself: the chain of an intermediate, or the certificate that
//! an imported key has already.

use der::asn1::{BitString, OctetString, SetOfVec};
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use miette::Diagnostic;
use minipki_core::cert::Id;
use minipki_core::crypto::rsa;
use minipki_core::encoding::der::{DerError, Reader};
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::extension::{BasicConstraints, KeyUsage};
use minipki_core::x509::{
    Certificate, Comparison, PathError, PathValidator, SignatureAlgorithm, TrustAnchor, WorkSpace,
};
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{self, KeyUsages};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::certify::{IssueError, expect_count};
use super::profile::{AuthorityProfile, CaCertificate, CaCertificateOptions, ProfileError, rsa_pkcs1, spki};
use super::{SignatureAlgorithm as Scheme, Signer};

/// The most certificates of a chain.
const LONGEST: usize = 10;

/// The certificate of the CA's key, and those of its issuers. All have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaChain {
    /// Certificates in DER: the one of the CA's key, then each issuer of the one before it.
    certificates: Vec<Vec<u8>>,
}

/// The reason why certificates are not a chain for the CA's key.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ChainError {
    /// A certificate is malformed.
    #[error("certificate {number} of the file is not well formed: {source}")]
    #[diagnostic(help("get the file from its source again"))]
    Encoding {
        /// Its number in the file, from 1.
        number: usize,
        /// The error.
        source: DerError,
    },
    /// No certificate is for the CA's key.
    #[error("none of the certificates in the file is for the key of this CA")]
    #[diagnostic(help(
        "give the certificate that was made from the request of this CA: `minipki ca csr` prints it"
    ))]
    OtherKey,
    /// The certificate is not for a CA.
    #[error("the certificate of the CA's key has no basicConstraints of a CA")]
    #[diagnostic(help("have it signed again as the certificate of a CA"))]
    NotCa,
    /// The key usage does not allow to sign certificates and lists.
    #[error("the keyUsage of the certificate has not both keyCertSign and cRLSign")]
    #[diagnostic(help("have it signed again with both"))]
    KeyUsage,
    /// The certificate has no subject.
    #[error("the certificate of the CA's key has an empty subject")]
    #[diagnostic(help("have it signed again with the subject of the request"))]
    NoSubject,
    /// The CA has another X.509 name.
    #[error("the subject of the certificate is {found}, and the X.509 name of this CA is {expected}")]
    #[diagnostic(help("have it signed again with the subject of the request: `minipki ca csr` prints it"))]
    OtherSubject {
        /// The subject of the certificate.
        found: String,
        /// The name in earlier certificates.
        expected: String,
    },
    /// Another certificate of the key names the key in another way.
    #[error(
        "the subjectKeyIdentifier of the certificate is {found}, and earlier certificates name this key {expected}"
    )]
    #[diagnostic(help("have it signed again with this subjectKeyIdentifier: {expected}"))]
    OtherKeyId {
        /// The identifier in the certificate.
        found: String,
        /// The identifier in the earlier certificates of the key, and in those that the key has signed.
        expected: String,
    },
    /// The certificate is not valid now.
    #[error("the certificate is valid from {begin} to {end}, and it is {now} now")]
    #[diagnostic(help("check the clock, or have it signed again"))]
    Time {
        /// Its first second.
        begin: UnixTime,
        /// Its last second.
        end: UnixTime,
        /// The time now.
        now: UnixTime,
    },
    /// The path is not valid.
    #[error("the chain is not valid: {0}")]
    #[diagnostic(help(
        "give all certificates between the CA and its root in one file, as their issuers have signed them"
    ))]
    Path(PathError),
    /// A field that this CA cannot use.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unfit(#[from] ProfileError),
}

impl CaChain {
    /// Finds the chain of `key` in `certificates`, which are in DER and in any order, and checks it at `now`. Certificates
    /// that do not belong to it are left out. `known` is the X.509 name that the CA has already, if it has one.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn find(
        certificates: &[Vec<u8>],
        key: &rsa::PublicKey,
        known: Option<&CaCertificate>,
        algorithms: &[&dyn SignatureAlgorithm],
        now: UnixTime,
    ) -> Result<Self, ChainError> {
        let mut parsed = Vec::new();
        for (index, der) in certificates.iter().enumerate() {
            let certificate = Certificate::parse(der);
            parsed.push(certificate.map_err(|source| ChainError::Encoding { number: index + 1, source })?);
        }
        let key = spki(key)?;
        let of_key = |certificate: &&Certificate<'_>| certificate.public_key().der() == key;
        // After a renewal, the file may have the certificate before too.
        let own = parsed.iter().filter(of_key).max_by_key(|certificate| certificate.not_after());
        let own = own.ok_or(ChainError::OtherKey)?;
        let mut chain = vec![*own];
        while let Some(last) = chain.last().filter(|last| !last.is_self_issued()).copied() {
            let issuer = parsed.iter().find(|candidate| {
                last.issuer().compare(candidate.subject()) == Comparison::Same
                    && chain.iter().all(|known| known.der() != candidate.der())
            });
            match issuer {
                Some(issuer) if chain.len() < LONGEST => chain.push(*issuer),
                _ => break,
            }
        }
        check_own(own, now)?;
        check_path(&chain, algorithms, now)?;
        let found = CaCertificate::parse(own.der())?;
        if let Some(known) = known
            && known.subject() != found.subject()
        {
            let (found, expected) = (found.subject().to_string(), known.subject().to_string());
            return Err(ChainError::OtherSubject { found, expected });
        }
        if let Some(known) = known.filter(|known| known.public_key() == found.public_key())
            && known.key_id() != found.key_id()
        {
            let [found, expected] = [&found, known].map(|certificate| certificate.key_id().to_string());
            return Err(ChainError::OtherKeyId { found, expected });
        }
        Ok(Self { certificates: chain.iter().map(|certificate| certificate.der().to_vec()).collect() })
    }

    /// The chain in the ledger.
    ///
    /// # Errors
    /// [`ProfileError::Encoding`] for other bytes than those of [`CaChain::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProfileError> {
        let mut reader = Reader::new(bytes);
        let mut certificates = Vec::new();
        while !reader.is_empty() {
            certificates.push(reader.any().map_err(ProfileError::Encoding)?.der.to_vec());
        }
        Ok(Self { certificates })
    }

    /// The certificates one after the other, for the ledger.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.certificates.concat()
    }

    /// The certificate of the CA's key.
    ///
    /// # Errors
    /// [`ProfileError`] for a chain of other bytes than those of [`CaChain::to_bytes`].
    pub fn own(&self) -> Result<CaCertificate, ProfileError> {
        CaCertificate::parse(self.certificates.first().map(Vec::as_slice).unwrap_or_default())
    }

    /// Whether the CA's key has signed its own certificate, so that there is no parent.
    pub fn is_self_signed(&self) -> bool {
        self.own().is_ok_and(|own| own.is_self_issued())
    }

    /// The certificates of its issuers, in DER, the direct one first. The last one may be a root.
    pub fn issuers(&self) -> &[Vec<u8>] {
        self.certificates.get(1..).unwrap_or_default()
    }
}

fn check_own(own: &Certificate<'_>, now: UnixTime) -> Result<(), ChainError> {
    let malformed = |source| ChainError::Encoding { number: 1, source };
    let constraints = own.extension::<BasicConstraints>().map_err(malformed)?;
    if !constraints.is_some_and(|found| found.value.ca) {
        return Err(ChainError::NotCa);
    }
    let usage = own.extension::<KeyUsage>().map_err(malformed)?;
    let both = KeyUsage::KEY_CERT_SIGN.with(KeyUsage::CRL_SIGN);
    if !usage.is_some_and(|usage| usage.value.contains(both)) {
        return Err(ChainError::KeyUsage);
    }
    if own.subject().is_empty() {
        return Err(ChainError::NoSubject);
    }
    let (begin, end) = (own.not_before(), own.not_after());
    if now < begin || end < now { Err(ChainError::Time { begin, end, now }) } else { Ok(()) }
}

/// Checks the signatures, the validity and the constraints, from the last certificate down to the first one.
fn check_path(
    chain: &[Certificate<'_>],
    algorithms: &[&dyn SignatureAlgorithm],
    now: UnixTime,
) -> Result<(), ChainError> {
    let validator = PathValidator::new(algorithms, Now::Exact(now));
    let (Some(own), Some(last)) = (chain.first(), chain.last()) else { return Ok(()) };
    let anchors = [TrustAnchor::from_certificate(*last)];
    let validate = |certificate: &Certificate<'_>, between: &[Certificate<'_>]| {
        let mut space = WorkSpace::new();
        validator.validate(certificate, between, &anchors, &mut space).map(drop).map_err(ChainError::Path)
    };
    if last.is_self_issued() {
        validate(last, &[])?;
    }
    match chain {
        [_] => Ok(()),
        [_, between @ .., _] => validate(own, between),
        [] => Ok(()),
    }
}

/// The request (PKCS#10, RFC 2986) for a CA certificate of the key of `signer`, in DER. Its subject is that of `known`, or
/// the one that `options` give. The same call makes the same request.
///
/// # Errors
/// [`IssueError::Profile`] for wrong options; [`IssueError::Sign`].
pub fn ca_request(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    known: Option<&CaCertificate>,
    options: &CaCertificateOptions,
) -> Result<Vec<u8>, IssueError> {
    let subject = match known {
        Some(known) => known.subject().clone(),
        None => AuthorityProfile::new(issuer_id, options)?.name().clone(),
    };
    let info = request_info(subject, &spki(signer.public_key())?).map_err(ProfileError::from)?;
    let message = info.to_der().map_err(ProfileError::from)?;
    let signatures = signer.sign_many(Scheme::RsaPkcs1, &[&message])?;
    expect_count("signatures", 1, signatures.len())?;
    let signature = signatures.first().map(super::Signature::as_bytes).unwrap_or_default();
    let signature = BitString::from_bytes(signature).map_err(ProfileError::from)?;
    let request = CertReq { info, algorithm: rsa_pkcs1(), signature };
    Ok(request.to_der().map_err(ProfileError::from)?)
}

fn request_info(subject: Name, key: &[u8]) -> der::Result<CertReqInfo> {
    let critical = |id, value: Vec<u8>| {
        Ok::<_, der::Error>(Extension { extn_id: id, critical: true, extn_value: OctetString::new(value)? })
    };
    let constraints = pkix::BasicConstraints { ca: true, path_len_constraint: None };
    let usage = pkix::KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let extensions = ExtensionReq(vec![
        critical(pkix::BasicConstraints::OID, constraints.to_der()?)?,
        critical(pkix::KeyUsage::OID, usage.to_der()?)?,
    ]);
    let mut attributes = SetOfVec::new();
    attributes.insert(Attribute::try_from(extensions)?)?;
    let public_key = SubjectPublicKeyInfoOwned::from_der(key)?;
    Ok(CertReqInfo { version: Version::V1, subject, public_key, attributes })
}
