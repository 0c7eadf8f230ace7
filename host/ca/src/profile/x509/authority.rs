//! The profile of the CA's own certificates: the self-signed one of each key, and the cross certificates between two keys.

use der::asn1::Utf8StringRef;
use der::oid::AssociatedOid;
use der::oid::db::rfc4519::{COMMON_NAME, COUNTRY_NAME, ORGANIZATION_NAME};
use der::{Decode, Encode};
use minipki_core::cert::Id;
use minipki_core::crypto::{Hash, Portable};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use x509_cert::ext::pkix::name::DirectoryString;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, NameConstraints, SubjectKeyIdentifier};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;

use super::constraints::Permitted;
use super::end_entity::SubjectName;
use super::{ProfileError, Signed, Tbs, authority_key_id, extension, key_id_of, points, subject_key_id};
use crate::key_id::KeyId;
use crate::profile::BACKDATE;
use crate::publication::Publication;

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
    key_id: KeyId,
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
        let public_key = tbs.subject_public_key_info.to_der()?;
        // The certificate of a parent can name the key in another way than this CA does.
        let named = tbs.extensions.iter().find(|found| found.extn_id == SubjectKeyIdentifier::OID);
        let named = named.map(|found| SubjectKeyIdentifier::from_der(found.extn_value.as_bytes()));
        let key_id = match named.transpose()? {
            Some(SubjectKeyIdentifier(id)) => {
                KeyId::from_bytes(id.as_bytes()).map_err(|_| ProfileError::KeyId)?
            }
            None => key_id_of(&public_key)?,
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
        authority_key_id(&self.key_id)
    }

    /// Whether the CA, and no parent, has made it.
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Its subject, which is the issuer of the certificates and lists that the CA signs.
    pub(crate) const fn subject(&self) -> &Name {
        &self.subject
    }

    /// The fingerprint of its public key.
    pub fn key(&self) -> Fingerprint {
        Fingerprint(Portable::new().sha256(&[&self.public_key]))
    }

    /// Its subjectKeyIdentifier, which certificates and lists by its key have as authorityKeyIdentifier, also if its parent has
    /// chosen it.
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The time of its issue.
    pub fn issued(&self) -> UnixTime {
        let begin = self.validity.not_before();
        begin.checked_add_seconds(BACKDATE).unwrap_or(begin)
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
    key_id: Option<KeyId>,
    /// The certificate of the key that signs; `None` if that is the certified key.
    pub(super) issuer: Option<CaCertificate>,
    /// The addresses of the list, the issuer's certificate and the status, for a cross certificate.
    publication: Publication,
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
            if !matches!(SubjectName::host(name)?, SubjectName::Dns(_)) {
                return Err(ProfileError::DnsName(name.clone()));
            }
        }
        let constraints = (!permitted.is_empty()).then(|| permitted.to_name_constraints()).transpose()?;
        let (subject, publication) = (name.parse()?, Publication::default());
        Ok(Self { subject, constraints, key_id: None, issuer: None, publication })
    }

    /// A self-signed certificate with the subject and the name constraints of `earlier`.
    pub(crate) fn like(earlier: &CaCertificate) -> Self {
        let CaCertificate { subject, constraints, .. } = earlier.clone();
        Self { subject, constraints, key_id: None, issuer: None, publication: Publication::default() }
    }

    /// A cross certificate for a key of the same CA, which the key of `issuer` signs.
    pub(crate) fn cross(issuer: CaCertificate, publication: Publication) -> Self {
        Self { issuer: Some(issuer.clone()), publication, ..Self::like(&issuer) }
    }

    /// This certificate with the subjectKeyIdentifier of another certificate of the same key. The certificates that the key
    /// has signed name it so.
    pub(crate) fn naming_the_key_as(self, other: &CaCertificate) -> Self {
        Self { key_id: Some(other.key_id), ..self }
    }

    /// The subject, which is the issuer too.
    pub(crate) const fn name(&self) -> &Name {
        &self.subject
    }

    pub(super) fn extensions(&self, subject_key: &[u8], serial: Serial) -> der::Result<Extensions> {
        let key_id = match self.key_id {
            Some(key_id) => key_id,
            None => key_id_of(subject_key)?,
        };
        let mut extensions = vec![
            extension(&BasicConstraints { ca: true, path_len_constraint: None }, true)?,
            extension(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign), true)?,
            subject_key_id(&key_id)?,
            match &self.issuer {
                Some(issuer) => issuer.authority_key_id()?,
                None => authority_key_id(&key_id)?,
            },
        ];
        if let Some(constraints) = &self.constraints {
            extensions.push(extension(constraints, true)?);
        }
        // A self-signed certificate is revoked by those who trust it.
        if let Some(issuer) = &self.issuer {
            extensions.extend(points::of_certificate(&self.publication, issuer.key_id(), serial)?);
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

/// The issuer of the console's certificates by earlier versions, whose root had the CA's key and this subject.
pub(super) fn former_console_root(issuer_id: Id<'_>) -> der::Result<Name> {
    // RFC 4514 §2.1: the text has the last RDN first. An Id has no character that needs an escape.
    format!("OU=MiniPKI console,CN={issuer_id}").parse()
}
