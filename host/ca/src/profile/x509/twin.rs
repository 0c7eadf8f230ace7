//! The profile of the twin of a JSON certificate: X.509 with the same serial number, validity, subject and X25519 key
//! (RFC 8410).

use der::Encode;
use der::asn1::{BitString, Ia5String};
use der::oid::ObjectIdentifier;
use minipki_core::cert::Id;
use minipki_core::trust::Serial;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::authority::CaCertificate;
use super::{ProfileError, extension, key_id_of, points, subject_key_id};
use crate::publication::Publication;

/// id-X25519 (RFC 8410 §3).
const ID_X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

/// The fields of a twin that its template does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TwinProfile {
    /// The certificate of the CA.
    pub(crate) issuer: CaCertificate,
    /// The place where readers find the lists.
    pub(crate) publication: Publication,
}

impl TwinProfile {
    pub(super) fn extensions(
        &self,
        issuer_id: Id<'_>,
        subject_id: Id<'_>,
        subject_key: &[u8],
        serial: Serial,
    ) -> der::Result<Extensions> {
        let uri = Ia5String::new(&format!("urn:minipki:{issuer_id}:{subject_id}"))?;
        let mut extensions = vec![
            extension(&BasicConstraints { ca: false, path_len_constraint: None }, true)?,
            extension(&KeyUsage(KeyUsages::KeyAgreement.into()), true)?,
            subject_key_id(&key_id_of(subject_key)?)?,
            self.issuer.authority_key_id()?,
            extension(&SubjectAltName(vec![GeneralName::UniformResourceIdentifier(uri)]), false)?,
        ];
        extensions.extend(points::of_certificate(&self.publication, self.issuer.key_id(), serial)?);
        Ok(extensions)
    }
}

/// The SubjectPublicKeyInfo of an X25519 public key, in DER (RFC 8410 §4).
pub(crate) fn x25519_spki(key: &[u8]) -> Result<Vec<u8>, ProfileError> {
    let spki = SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid: ID_X25519, parameters: None },
        subject_public_key: BitString::from_bytes(key)?,
    };
    Ok(spki.to_der()?)
}
