//! The request (PKCS#10, RFC 2986).

use std::fmt;
use std::net::IpAddr;

use der::Encode;
use der::asn1::{BitString, Ia5String, OctetString, SetOfVec};
use der::oid::AssociatedOid;
use minipki_core::encoding::pem;
use minipki_core::x509;
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

use super::super::values::{ExpectedName, dns};
use super::super::{CliError, Exit};
use super::key::SubjectKey;

/// PEM label of a request (RFC 7468 §7).
const LABEL: &str = "CERTIFICATE REQUEST";

/// The longest value of an attribute, in characters (RFC 5280 §A.1): by its type, or of the others.
const LIMITS: [(&str, usize); 6] =
    [("2.5.4.3", 64), ("2.5.4.6", 2), ("2.5.4.10", 64), ("2.5.4.11", 64), ("2.5.4.7", 128), ("2.5.4.8", 128)];

/// The subject of a request.
#[derive(Clone, Debug)]
pub(super) struct Subject(Name);

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Parses a name in the form of RFC 4514, or a common name alone.
pub(super) fn subject(text: &str) -> Result<Subject, String> {
    const FORM: &str = "expected for example CN=www.example.com,O=Example,C=DE";
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("the subject is empty; {FORM}"));
    }
    if text.starts_with('/') {
        return Err(format!("the parts have commas between them; {FORM}"));
    }
    let text = if text.contains('=') { text.to_owned() } else { format!("CN={}", escaped(text)) };
    let name: Name = text.parse().map_err(|_| FORM.to_owned())?;
    let der = name.to_der().map_err(|_| FORM.to_owned())?;
    // The reader of the core refuses what a verifier would refuse.
    let read = x509::Name::parse(&der).map_err(|error| format!("{error}; {FORM}"))?;
    for attribute in read.attributes() {
        let value = String::from_utf8_lossy(attribute.value.contents.rest());
        let id = attribute.id.to_string();
        let (count, limit) = (value.chars().count(), LIMITS.iter().find(|(known, _)| *known == id));
        match limit {
            Some((_, 2)) if count != 2 => {
                return Err("C is a country by its two letters, for example DE".to_owned());
            }
            Some((_, limit)) if count > *limit => {
                return Err(format!("{value:?} has {count} characters, and {limit} are allowed"));
            }
            _ if value.trim().is_empty() => return Err("a part of the subject is empty".to_owned()),
            _ => {}
        }
    }
    Ok(Subject(name))
}

/// A value in the form of RFC 4514 §2.4.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for (at, c) in value.chars().enumerate() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') || (at == 0 && c == '#') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Parses the name of a host, perhaps with `*.` for all hosts below it.
pub(super) fn dns_or_wildcard(text: &str) -> Result<ExpectedName, String> {
    let text = text.trim();
    dns(text.strip_prefix("*.").unwrap_or(text))
        .map(|_| ExpectedName::Dns(text.trim_end_matches('.').to_owned()))
}

/// Makes the request for the key, in PEM.
pub(super) fn pem(key: &SubjectKey, subject: &Subject, names: &[&ExpectedName]) -> Result<Vec<u8>, CliError> {
    let mut attributes = SetOfVec::new();
    if !names.is_empty() {
        attributes.insert(alt_names(names).map_err(failed)?).map_err(failed)?;
    }
    let info =
        CertReqInfo { version: Version::V1, subject: subject.0.clone(), public_key: key.spki()?, attributes };
    let signature = key.sign(&info.to_der().map_err(failed)?)?;
    let signature = BitString::from_bytes(&signature).map_err(failed)?;
    let der = CertReq { info, algorithm: key.algorithm(), signature }.to_der().map_err(failed)?;
    let mut text = vec![0; 2 * der.len() + 128];
    let length = pem::encode(LABEL, &der, &mut text).map_err(failed)?.len();
    text.truncate(length);
    Ok(text)
}

/// The attribute that asks for subjectAltName (RFC 2985 §5.4.2).
fn alt_names(names: &[&ExpectedName]) -> der::Result<Attribute> {
    let names = names.iter().map(|name| general_name(name)).collect::<der::Result<_>>()?;
    let extension = Extension {
        extn_id: SubjectAltName::OID,
        critical: false,
        extn_value: OctetString::new(SubjectAltName(names).to_der()?)?,
    };
    ExtensionReq(vec![extension]).try_into()
}

fn general_name(name: &ExpectedName) -> der::Result<GeneralName> {
    Ok(match name {
        ExpectedName::Dns(host) => GeneralName::DnsName(Ia5String::new(host)?),
        ExpectedName::Email(address) => GeneralName::Rfc822Name(Ia5String::new(address)?),
        ExpectedName::Uri(uri) => GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?),
        ExpectedName::Ip(IpAddr::V4(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
        ExpectedName::Ip(IpAddr::V6(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
    })
}

fn failed(error: impl fmt::Display) -> CliError {
    let next = "use other names; if it happens again, report it to the maintainers of MiniPKI";
    CliError::new(Exit::Failed, format_args!("the request could not be made: {error}"), next)
}
