//! The addresses in certificates and lists: where a reader finds the list, the certificate and the status.

use der::Encode;
use der::asn1::{Ia5String, OctetString};
use der::oid::db::rfc5280::{ID_AD_CA_ISSUERS, ID_AD_OCSP, ID_CE_ISSUING_DISTRIBUTION_POINT};
use minipki_core::trust::Serial;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::CrlDistributionPoints;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax};

use super::extension;
use crate::key_id::KeyId;
use crate::publication::{OCSP_PATH, Publication, certificate_path, crl_path};

/// The extensions of the certificate `serial` by this key: cRLDistributionPoints and authorityInfoAccess (RFC 5280
/// §4.2.1.13, §4.2.2.1). None without a public URL.
pub(super) fn of_certificate(
    publication: &Publication,
    issuer_key: KeyId,
    serial: Serial,
) -> der::Result<Vec<Extension>> {
    let Some(base) = &publication.url else { return Ok(Vec::new()) };
    let list = uri(base.to(&crl_path(issuer_key, publication.shards.of(serial))))?;
    let point = DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(vec![list])),
        reasons: None,
        crl_issuer: None,
    };
    let access =
        [(ID_AD_OCSP, base.to(OCSP_PATH)), (ID_AD_CA_ISSUERS, base.to(&certificate_path(issuer_key)))];
    let access = access
        .map(|(access_method, url)| Ok(AccessDescription { access_method, access_location: uri(url)? }));
    let access = access.into_iter().collect::<der::Result<_>>()?;
    Ok(vec![
        extension(&CrlDistributionPoints(vec![point]), false)?,
        extension(&AuthorityInfoAccessSyntax(access), false)?,
    ])
}

/// The extension issuingDistributionPoint of the list at these addresses (RFC 5280 §5.2.5). None without an address: then
/// there is nothing to state in it, and it must not be empty.
pub(super) fn of_list(urls: &[String]) -> der::Result<Option<Extension>> {
    if urls.is_empty() {
        return Ok(None);
    }
    let names = urls.iter().cloned().map(uri).collect::<der::Result<_>>()?;
    let point = IssuingDistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(names)),
        only_contains_user_certs: false,
        only_contains_ca_certs: false,
        only_some_reasons: None,
        indirect_crl: false,
        only_contains_attribute_certs: false,
    };
    Ok(Some(Extension {
        // The type in x509-cert 0.3.0 has the identifier of another extension.
        extn_id: ID_CE_ISSUING_DISTRIBUTION_POINT,
        critical: true,
        extn_value: OctetString::new(point.to_der()?)?,
    }))
}

fn uri(text: String) -> der::Result<GeneralName> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(&text)?))
}
