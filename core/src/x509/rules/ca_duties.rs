//! Duties of a CA about the content of its certificates, by [RFC 5280 §4](https://www.rfc-editor.org/rfc/rfc5280#section-4).

use super::Rules;
use crate::encoding::der::DerError;
use crate::keys::rsa_public_integers;
use crate::x509::error::Failed;
use crate::x509::extension::{
    AuthorityInfoAccess, AuthorityKeyId, BasicConstraints, CertificatePolicies, Extension, ExtensionValue,
    FreshestCrl, InhibitAnyPolicy, KeyUsage, NameConstraints, PolicyConstraints, SubjectAltName,
    SubjectKeyId,
};
use crate::x509::identity::{is_dns_name, is_uri, split_email};
use crate::x509::{Certificate, Check, GeneralName, Place, Version, oid};

/// Longest serial number in bytes.
const SERIAL: usize = 20;

/// Shortest RSA modulus in bits.
const RSA_BITS: usize = 2048;

impl<'a> Rules<'_, 'a> {
    fn extension<T: ExtensionValue<'a>>(&self) -> Result<Option<Extension<T>>, DerError> {
        self.certificate.extension()
    }

    pub(super) fn check_ca_duties(&self) -> Result<(), Failed> {
        let certificate = self.certificate;
        let (is_ca, is_issuer) = (self.is_ca()?, self.place != Place::EndEntity);
        self.require(Check::Version, || certificate.version() == Version::V3)?;
        // The serial number and the issuer's key of a trust anchor are not used.
        let trusted = self.is_anchor();
        self.require(Check::SerialNumber, || trusted || is_good_serial(certificate.serial()))?;
        self.require(Check::IssuerName, || !certificate.issuer().is_empty())?;
        self.require(Check::CaSubject, || !is_ca || !certificate.subject().is_empty())?;
        self.require(Check::UniqueId, || !certificate.has_unique_ids())?;

        let authority = self.extension::<AuthorityKeyId<'_>>()?;
        let optional = || trusted || certificate.is_self_issued();
        self.require(Check::AuthorityKeyId, || match authority {
            Some(found) => !found.critical && (found.value.key_id.is_some() || optional()),
            None => optional(),
        })?;
        let subject_key = self.extension::<SubjectKeyId<'_>>()?;
        self.require(Check::SubjectKeyId, || subject_key.map_or(!is_ca, |found| !found.critical))?;

        let usage = self.extension::<KeyUsage>()?;
        let signs = usage.map(|found| found.value.contains(KeyUsage::KEY_CERT_SIGN));
        self.require(Check::KeyUsageCa, || signs != Some(true) || is_ca)?;
        let constraints = self.extension::<BasicConstraints>()?;
        self.require(Check::BasicConstraintsForm, || match constraints {
            Some(found) if found.value.path_length.is_some() && !(found.value.ca && signs != Some(false)) => {
                false
            }
            Some(found) => found.critical || !is_issuer,
            None => true,
        })?;

        let names = self.extension::<NameConstraints<'_>>()?;
        self.require(Check::NameConstraintsCa, || names.is_none() || is_ca)?;
        self.require(Check::NameConstraintsCritical, || names.is_none_or(|found| found.critical))?;
        let policies = self.extension::<CertificatePolicies<'_>>()?;
        self.require(Check::PolicyOnce, || policies.is_none_or(|found| is_each_once(&found.value)))?;
        let policy = self.extension::<PolicyConstraints>()?;
        self.require(Check::PolicyConstraintsCritical, || policy.is_none_or(|found| found.critical))?;
        let any = self.extension::<InhibitAnyPolicy>()?;
        self.require(Check::InhibitAnyPolicyCritical, || any.is_none_or(|found| found.critical))?;

        let access = self.extension::<AuthorityInfoAccess<'_>>()?.is_some_and(|found| found.critical);
        let delta = self.extension::<FreshestCrl<'_>>()?.is_some_and(|found| found.critical);
        self.require(Check::LocationCritical, || !access && !delta)?;
        self.check_alt_name()?;
        self.require(Check::KeyStrength, || rsa_modulus_bits(certificate) != Some(Err(())))
    }

    fn check_alt_name(&self) -> Result<(), Failed> {
        let alt_name = self.extension::<SubjectAltName<'_>>()?;
        let empty = self.certificate.subject().is_empty();
        self.require(Check::AltNameOnly, || !empty || alt_name.is_some_and(|found| found.critical))?;
        self.require(Check::AltNameForm, || {
            alt_name.is_none_or(|found| found.value.0.into_iter().all(|name| is_good_name(&name)))
        })
    }
}

/// Positive, and at most 20 bytes.
fn is_good_serial(serial: &[u8]) -> bool {
    // A leading zero is a sign, and part of the 20 bytes of the INTEGER.
    serial.len() <= SERIAL && serial != [0] && serial.first().is_some_and(|first| *first < 0x80)
}

fn is_good_name(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::Dns(name) => is_dns_name(name),
        GeneralName::Email(address) => split_email(address).is_some(),
        GeneralName::Uri(uri) => is_uri(uri),
        GeneralName::Ip(address) => matches!(address.len(), 4 | 16),
        GeneralName::Directory(name) => !name.is_empty(),
        _ => true,
    }
}

/// Returns whether each policy occurs once. Only the first ones of a long list are compared.
fn is_each_once(CertificatePolicies(policies): &CertificatePolicies<'_>) -> bool {
    let compared = || policies.into_iter().take(crate::limits::X509_POLICIES).enumerate();
    compared().all(|(at, policy)| compared().take(at).all(|(_, earlier)| earlier.id != policy.id))
}

/// The bits of an RSA modulus, `Err` if the key is malformed or too weak, and `None` for keys that are not RSA.
pub(super) fn rsa_modulus_bits(certificate: &Certificate<'_>) -> Option<Result<usize, ()>> {
    let algorithm = certificate.public_key().algorithm();
    let is_rsa = [oid::RSA_ENCRYPTION, oid::RSASSA_PSS].iter().any(|id| {
        // The OID is the first value: tag, length and contents.
        algorithm.get(2..).is_some_and(|rest| rest.starts_with(id.contents()))
    });
    is_rsa.then(|| {
        let (modulus, exponent) = rsa_public_integers(certificate.public_key().key()).map_err(drop)?;
        let leading = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        let bits = modulus.len().saturating_mul(8).saturating_sub(leading);
        let odd = exponent.last().is_some_and(|last| last & 1 == 1) && exponent != [1];
        if bits >= RSA_BITS && odd { Ok(bits) } else { Err(()) }
    })
}
