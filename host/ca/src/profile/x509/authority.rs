//! The profile of the CA's own certificates: the self-signed one of each key, and the cross certificates between two keys.

use der::asn1::{OctetString, Utf8StringRef};
use der::oid::AssociatedOid;
use der::oid::db::rfc4519::{COMMON_NAME, COUNTRY_NAME, ORGANIZATION_NAME};
use der::{Decode, Encode};
use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use x509_cert::ext::pkix::name::DirectoryString;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, NameConstraints, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;

use super::console::TlsName;
use super::constraints::Permitted;
use super::{ProfileError, Signed, Tbs, authority_key_id, extension, key_identifier, subject_key_id};

/// The largest number of characters of an organization (RFC 5280 §A.1, ub-organization-name).
const ORGANIZATION: usize = 64;

/// A certificate of a CA's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificate {
    der: Vec<u8>,
    serial: Serial,
    issuer: Name,
    subject: Name,
    public_key: Vec<u8>,
    key_id: OctetString,
    constraints: Option<NameConstraints>,
    validity: Validity,
}

impl CaCertificate {
    /// Reads a certificate that [`ca_certificates`](crate::ca_certificates) has made, or one of a
    /// [`CaChain`](crate::CaChain).
    ///
    /// # Errors
    /// [`ProfileError::X509`]; [`ProfileError::Validity`].
    pub fn parse(der: &[u8]) -> Result<Self, ProfileError> {
        let tbs = Tbs::from_der(&Signed::from_der(der)?.tbs.to_der()?)?;
        let time = |time: x509_cert::time::Time| UnixTime::new(time.to_unix_duration().as_secs());
        let validity = time(tbs.validity.not_before).ok().zip(time(tbs.validity.not_after).ok());
        let validity = validity.and_then(|(begin, end)| Validity::new(begin, end).ok());
        let constraints = tbs.extensions.iter().find(|found| found.extn_id == NameConstraints::OID);
        let constraints = constraints.map(|found| NameConstraints::from_der(found.extn_value.as_bytes()));
        // The certificate of a parent can name the key in another way than this CA does.
        let named = tbs.extensions.iter().find(|found| found.extn_id == SubjectKeyIdentifier::OID);
        let named = named.map(|found| SubjectKeyIdentifier::from_der(found.extn_value.as_bytes()));
        let public_key = tbs.subject_public_key_info.to_der()?;
        let key_id = match named.transpose()? {
            Some(SubjectKeyIdentifier(id)) => id,
            None => key_identifier(&public_key)?,
        };
        Ok(Self {
            der: der.to_vec(),
            serial: Serial::from_be_bytes(tbs.serial_number.as_bytes()).map_err(|_| ProfileError::Serial)?,
            issuer: tbs.issuer,
            subject: tbs.subject,
            public_key,
            key_id,
            constraints: constraints.transpose()?,
            validity: validity.ok_or(ProfileError::Validity)?,
        })
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its serial number.
    pub const fn serial(&self) -> Serial {
        self.serial
    }

    /// Its public key: SubjectPublicKeyInfo in DER.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The authorityKeyIdentifier of the certificates and lists that its key signs.
    pub(super) fn authority_key_id(&self) -> der::Result<Extension> {
        let key_identifier = Some(self.key_id.clone());
        extension(&AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() }, false)
    }

    /// Whether the CA, and no parent, has made it.
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Its subject, which is the issuer of the certificates and lists that the CA signs.
    pub(crate) const fn subject(&self) -> &Name {
        &self.subject
    }

    /// Its validity.
    pub const fn validity(&self) -> Validity {
        self.validity
    }
}

/// The choices of the operator for the CA certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaCertificateOptions {
    /// The organization in the subject.
    pub organization: Option<String>,
    /// The country in the subject: two letters (ISO 3166).
    pub country: Option<String>,
    /// The time from the issue to the end, in seconds; `None` is 20 years.
    pub lifetime: Option<u64>,
    /// The names that the certificate permits; all names if it is empty.
    pub permitted: Permitted,
}

impl CaCertificateOptions {
    /// Whether they have more than a lifetime.
    pub(crate) fn names_fields(&self) -> bool {
        self.organization.is_some() || self.country.is_some() || !self.permitted.is_empty()
    }
}

/// The fields of a certificate of the CA's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorityProfile {
    subject: Name,
    constraints: Option<NameConstraints>,
    /// The subjectKeyIdentifier, if it is not that of this CA's method.
    key_id: Option<OctetString>,
    /// The certificate of the key that signs; `None` if that is the certified key.
    pub(super) issuer: Option<CaCertificate>,
}

impl AuthorityProfile {
    /// A self-signed certificate with the choices of the operator.
    ///
    /// # Errors
    /// [`ProfileError::Organization`], [`ProfileError::Country`], [`ProfileError::Name`], [`ProfileError::DnsName`] or
    /// [`ProfileError::X509`].
    pub(crate) fn new(issuer_id: Id<'_>, options: &CaCertificateOptions) -> Result<Self, ProfileError> {
        // RFC 4514 §2.1: the text has the last RDN first. An Id has no character that needs an escape.
        let mut name = format!("CN={issuer_id}");
        if let Some(organization) = &options.organization {
            let length = organization.chars().count();
            if !(1..=ORGANIZATION).contains(&length) || organization.chars().any(char::is_control) {
                return Err(ProfileError::Organization(organization.clone()));
            }
            name += &format!(",{ORGANIZATION_NAME}=#");
            // The encoding of the value in hexadecimal digits needs no escapes.
            for byte in Utf8StringRef::new(organization)?.to_der()? {
                name += &format!("{byte:02x}");
            }
        }
        if let Some(country) = &options.country {
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return Err(ProfileError::Country(country.clone()));
            }
            name += &format!(",C={country}");
        }
        let permitted = &options.permitted;
        for name in &permitted.dns {
            if !matches!(TlsName::try_from(name.as_str())?, TlsName::Dns(_)) {
                return Err(ProfileError::DnsName(name.clone()));
            }
        }
        let constraints = (!permitted.is_empty()).then(|| permitted.to_name_constraints()).transpose()?;
        Ok(Self { subject: name.parse()?, constraints, key_id: None, issuer: None })
    }

    /// A self-signed certificate with the subject and the name constraints of `earlier`.
    pub(crate) fn like(earlier: &CaCertificate) -> Self {
        let CaCertificate { subject, constraints, .. } = earlier.clone();
        Self { subject, constraints, key_id: None, issuer: None }
    }

    /// A cross certificate for a key of the same CA, which the key of `issuer` signs.
    pub(crate) fn cross(issuer: CaCertificate) -> Self {
        Self { issuer: Some(issuer.clone()), ..Self::like(&issuer) }
    }

    /// This certificate with the subjectKeyIdentifier of another certificate of the same key. The certificates that the key
    /// has signed name it so.
    pub(crate) fn naming_the_key_as(self, other: &CaCertificate) -> Self {
        Self { key_id: Some(other.key_id.clone()), ..self }
    }

    /// The subject, which is the issuer too.
    pub(crate) const fn name(&self) -> &Name {
        &self.subject
    }

    pub(super) fn extensions(&self, subject_key: &[u8], issuer_key: &[u8]) -> der::Result<Extensions> {
        let mut extensions = vec![
            extension(&BasicConstraints { ca: true, path_len_constraint: None }, true)?,
            extension(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign), true)?,
            match &self.key_id {
                Some(id) => extension(&SubjectKeyIdentifier(id.clone()), false)?,
                None => subject_key_id(subject_key)?,
            },
            match &self.issuer {
                Some(issuer) => issuer.authority_key_id()?,
                None => authority_key_id(issuer_key)?,
            },
        ];
        if let Some(constraints) = &self.constraints {
            extensions.push(extension(constraints, true)?);
        }
        Ok(extensions)
    }
}

/// Whether `name` is a subject that [`AuthorityProfile::new`] makes for this CA.
pub(super) fn is_name_of(name: &Name, issuer_id: Id<'_>) -> bool {
    let known = [COMMON_NAME, ORGANIZATION_NAME, COUNTRY_NAME];
    let common_name = name.common_name().ok().flatten();
    let is_id = common_name.is_some_and(|found| match found {
        DirectoryString::Utf8String(text) => text == issuer_id.as_str(),
        _ => false,
    });
    is_id && name.iter().all(|attribute| known.contains(&attribute.oid))
}
