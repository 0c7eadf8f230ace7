//! MiniPKI's own certificate: canonical JSON for an X25519 key (protocol §3).

use minipki_core::cert::{self, Anchor, Certificate, TbsCertificate};
use minipki_core::crypto::{Portable, x25519};
use minipki_core::limits::CERTIFICATE;
use minipki_core::time::Now;
use minipki_core::trust::{RevocationCheck, Serial};

use super::{CaIdentity, CertTemplate, Profile, ProfileError, first_difference};
use crate::Signature;
use crate::ports::{CertificateFormat, CertificateRecord, SignatureAlgorithm};

/// The profile of the JSON certificate.
pub(crate) struct JsonProfile;

impl Profile for JsonProfile {
    const FORMAT: CertificateFormat = CertificateFormat::Json;
    const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::RsaPss;

    fn encode_tbs(
        ca: &CaIdentity<'_>,
        template: &CertTemplate<'_, Self>,
        serial: Serial,
    ) -> Result<Vec<u8>, ProfileError> {
        let subject_key = template.subject_key.try_into().map_err(|_| cert::Error::SubjectKey)?;
        let tbs = TbsCertificate {
            issuer_id: ca.issuer_id,
            issuer_key: ca.issuer_key,
            serial_number: serial,
            subject_id: template.subject_id,
            subject_key: x25519::PublicKey::new(subject_key).ok_or(cert::Error::SubjectKeyNotCanonical)?,
            validity: template.validity,
        };
        let mut room = [0; CERTIFICATE];
        Ok(tbs.encode(&mut room)?.to_vec())
    }

    fn attach_signature(tbs: &[u8], signature: &Signature) -> Result<Vec<u8>, ProfileError> {
        let mut room = [0; CERTIFICATE];
        Ok(cert::attach_signature(tbs, signature.as_bytes(), &mut room)?.to_vec())
    }
}

pub(super) fn check_record(anchor: &Anchor, record: &CertificateRecord) -> Result<(), &'static str> {
    let certificate = Certificate::parse(&record.certificate).map_err(|_| "certificate")?;
    first_difference(&[
        (certificate.serial_number() == record.serial, "serial number"),
        (certificate.subject_id() == record.subject_id.as_id(), "subject"),
        (certificate.subject_key().as_bytes().as_slice() == record.subject_key, "public key"),
        (certificate.validity() == record.validity, "validity"),
    ])?;
    let begin = Now::Exact(record.validity.not_before());
    cert::verify(Portable::new(), anchor, &certificate, begin, RevocationCheck::NotChecked)
        .map(drop)
        .map_err(|_| "signature")
}
