//! The extensions of certificates, requests and lists, each with its reason.

use crate::trace::explain::hex;
use minipki_core::encoding::der::{Decode, DerError, SequenceOf};
use minipki_core::x509::crl::{CrlNumber, DeltaCrlIndicator, IssuingDistributionPoint, OnlyCertificates};
use minipki_core::x509::extension::{
    AuthorityInfoAccess, AuthorityKeyId, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    DistributionPoint, DistributionPointName, ExtendedKeyUsage, FreshestCrl, GeneralSubtree,
    InhibitAnyPolicy, IssuerAltName, KeyUsage, NameConstraints, PolicyConstraints, PolicyMappings,
    RawExtension, SubjectAltName, SubjectKeyId,
};
use minipki_core::x509::{GeneralNames, oid};

use super::fields::Lines;
use super::names::{general, list};
use super::oids;

/// The number of bytes that are shown of an extension that is not known.
const SHOWN_BYTES: usize = 64;

/// Adds an extension.
///
/// # Errors
/// The error of a value that is malformed. It is shown as bytes.
pub fn add(extension: RawExtension<'_>, lines: &mut Lines) -> Result<(), DerError> {
    let name = oids::short(extension.id);
    let mut read = Ok(());
    let (value, why) = match value(extension) {
        Some(Ok(known)) => known,
        Some(Err(error)) => {
            read = Err(error);
            (bytes(extension), "malformed: a verifier refuses the certificate")
        }
        None if extension.critical => {
            (bytes(extension), "not known here, and critical: a verifier refuses the certificate")
        }
        None => (bytes(extension), "not known here, and not critical: a verifier does not use it"),
    };
    let critical = if extension.critical { "critical: " } else { "" };
    lines.add(name, format!("{critical}{value}"), why);
    read
}

/// The value in hexadecimal, and its place.
fn bytes(extension: RawExtension<'_>) -> String {
    let (value, at) = (extension.value.rest(), extension.value.at());
    let start = value.get(..SHOWN_BYTES).unwrap_or(value);
    let more = if start.len() < value.len() { "…" } else { "" };
    format!("0x{}{more} ({} bytes at byte {at})", hex(start), value.len())
}

/// The value and the reason of an extension that is known.
fn value(raw: RawExtension<'_>) -> Option<Result<(String, &'static str), DerError>> {
    fn read<'a, T: Decode<'a>>(raw: RawExtension<'a>) -> Result<T, DerError> {
        raw.read().map(|extension| extension.value)
    }
    let read = match raw.id {
        oid::SUBJECT_KEY_ID => read(raw).map(|SubjectKeyId(id)| {
            (hex(id), "names the key of the subject, to find the certificates below it (RFC 5280 4.2.1.2)")
        }),
        oid::AUTHORITY_KEY_ID => read(raw).map(|id| {
            (authority(&id), "names the key of the issuer, to find its certificate (RFC 5280 4.2.1.1)")
        }),
        oid::KEY_USAGE => {
            read(raw).map(|usage| (uses(usage), "the uses that the key is limited to (RFC 5280 4.2.1.3)"))
        }
        oid::EXTENDED_KEY_USAGE => read(raw).map(|ExtendedKeyUsage(purposes)| {
            (list(purposes.map(oids::short)), "the purposes that the key is limited to (RFC 5280 4.2.1.12)")
        }),
        oid::BASIC_CONSTRAINTS => read(raw).map(|constraints: BasicConstraints| {
            let length =
                constraints.path_length.map(|length| format!(", at most {length} intermediates below it"));
            let ca = if constraints.ca { "a CA" } else { "no CA" };
            let why = "whether the key may sign certificates (RFC 5280 4.2.1.9)";
            (format!("{ca}{}", length.unwrap_or_default()), why)
        }),
        oid::SUBJECT_ALT_NAME => read(raw).map(|SubjectAltName(names)| {
            (
                all(names),
                "the names of the subject: clients compare these, and not the subject (RFC 5280 4.2.1.6)",
            )
        }),
        oid::ISSUER_ALT_NAME => {
            read(raw).map(|IssuerAltName(names)| (all(names), "other names of the issuer (RFC 5280 4.2.1.7)"))
        }
        oid::NAME_CONSTRAINTS => read(raw).map(|found: NameConstraints<'_>| {
            (constraints(&found), "the names that certificates below this one may have (RFC 5280 4.2.1.10)")
        }),
        oid::CERTIFICATE_POLICIES => read(raw).map(|CertificatePolicies(policies)| {
            let policies = policies.map(|policy| oids::full(policy.id));
            (list(policies), "the rules by which the certificate was issued (RFC 5280 4.2.1.4)")
        }),
        oid::POLICY_MAPPINGS => read(raw).map(|PolicyMappings(mappings)| {
            let mappings =
                mappings.map(|pair| format!("{} is {}", oids::short(pair.issuer), oids::short(pair.subject)));
            (
                list(mappings),
                "policies of the issuer that are equal to those of the subject (RFC 5280 4.2.1.5)",
            )
        }),
        oid::POLICY_CONSTRAINTS => read(raw).map(|found: PolicyConstraints| {
            let part = |name, after: Option<u32>| {
                after.map(|after| format!("{name} after {after} more certificates"))
            };
            let parts = [
                part("a policy is required", found.require_explicit),
                part("no mapping is allowed", found.inhibit_mapping),
            ];
            let why = "conditions for the policies of certificates below this one (RFC 5280 4.2.1.11)";
            (list(parts.into_iter().flatten()), why)
        }),
        oid::INHIBIT_ANY_POLICY => read(raw).map(|InhibitAnyPolicy(after)| {
            let why = "from where on anyPolicy stands for no policy (RFC 5280 4.2.1.14)";
            (format!("after {after} more certificates"), why)
        }),
        oid::CRL_DISTRIBUTION_POINTS => read(raw).map(|CrlDistributionPoints(points)| {
            (
                list(points.map(|point| self::point(&point))),
                "where the list of revoked certificates is (RFC 5280 4.2.1.13)",
            )
        }),
        oid::FRESHEST_CRL => read(raw).map(|FreshestCrl(points)| {
            let why = "where the changes since the last whole list are (RFC 5280 4.2.1.15)";
            (list(points.map(|point| self::point(&point))), why)
        }),
        oid::CRL_NUMBER => read(raw).map(|CrlNumber(number)| {
            (
                format!("0x{}", hex(number)),
                "grows with each list, so that an earlier list is noticed (RFC 5280 5.2.3)",
            )
        }),
        oid::DELTA_CRL_INDICATOR => read(raw).map(|DeltaCrlIndicator(CrlNumber(base))| {
            let why = "the list has only the changes since the list with this number (RFC 5280 5.2.4)";
            (format!("0x{}", hex(base)), why)
        }),
        oid::ISSUING_DISTRIBUTION_POINT => read(raw)
            .map(|scope| (self::scope(&scope), "the certificates that the list is about (RFC 5280 5.2.5)")),
        oid::AUTHORITY_INFO_ACCESS => read(raw).map(|AuthorityInfoAccess(places)| {
            let places =
                places.map(|place| format!("{} at {}", oids::short(place.method), general(&place.location)));
            (
                list(places),
                "where to ask for the status, and where the issuer's certificate is (RFC 5280 4.2.2.1)",
            )
        }),
        _ => return None,
    };
    Some(read)
}

fn all(names: GeneralNames<'_>) -> String {
    list(names.map(|name| general(&name)))
}

fn authority(id: &AuthorityKeyId<'_>) -> String {
    let key = id.key_id.map(hex);
    let certificate = id.certificate.map(|(issuer, serial)| {
        format!("the certificate with serial number {} of {}", hex(serial), all(issuer))
    });
    list(key.into_iter().chain(certificate))
}

/// The uses of a key by their names (RFC 5280 §4.2.1.3).
pub fn uses(usage: KeyUsage) -> String {
    const NAMES: [(KeyUsage, &str); 9] = [
        (KeyUsage::DIGITAL_SIGNATURE, "digitalSignature"),
        (KeyUsage::NON_REPUDIATION, "nonRepudiation"),
        (KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment"),
        (KeyUsage::DATA_ENCIPHERMENT, "dataEncipherment"),
        (KeyUsage::KEY_AGREEMENT, "keyAgreement"),
        (KeyUsage::KEY_CERT_SIGN, "keyCertSign"),
        (KeyUsage::CRL_SIGN, "cRLSign"),
        (KeyUsage::ENCIPHER_ONLY, "encipherOnly"),
        (KeyUsage::DECIPHER_ONLY, "decipherOnly"),
    ];
    let names = NAMES.iter().filter(|(bit, _)| usage.contains(*bit));
    list(names.map(|(_, name)| (*name).to_owned()))
}

/// Constraints as `permitted dns:example.com, excluded ip:192.0.2.0/24`.
pub fn constraints(constraints: &NameConstraints<'_>) -> String {
    type Subtrees<'a> = Option<SequenceOf<'a, GeneralSubtree<'a>>>;
    let part = |word: &'static str, subtrees: Subtrees<'_>| {
        let names: Vec<_> = subtrees.into_iter().flatten().map(|subtree| general(&subtree.base)).collect();
        (!names.is_empty()).then(|| format!("{word} {}", names.join(", ")))
    };
    list(
        [part("permitted", constraints.permitted), part("excluded", constraints.excluded)]
            .into_iter()
            .flatten(),
    )
}

fn point_name(name: &DistributionPointName<'_>) -> String {
    match name {
        DistributionPointName::Full(names) => all(*names),
        DistributionPointName::Relative(_) => "a name below that of the issuer".to_owned(),
    }
}

fn point(point: &DistributionPoint<'_>) -> String {
    let name = point.name.as_ref().map_or_else(|| "no place".to_owned(), point_name);
    let reasons = point.reasons.map(|reasons| format!(" (reasons 0x{reasons:04x})"));
    let issuer = point.crl_issuer.map(|issuer| format!(" (list of {})", all(issuer)));
    format!("{name}{}{}", reasons.unwrap_or_default(), issuer.unwrap_or_default())
}

fn scope(scope: &IssuingDistributionPoint<'_>) -> String {
    let only = scope.only.map(|only| match only {
        OnlyCertificates::User => "only certificates that are not of a CA",
        OnlyCertificates::Ca => "only certificates of CAs",
        OnlyCertificates::Attribute => "only attribute certificates",
    });
    let parts = [
        scope.name.as_ref().map(point_name),
        only.map(str::to_owned),
        scope.reasons.map(|reasons| format!("only the reasons 0x{reasons:04x}")),
        scope.indirect.then(|| "also certificates of other issuers".to_owned()),
    ];
    list(parts.into_iter().flatten())
}
