//! A refusal for people: the certificate, the check, what was seen, and what to do next.

use minipki_core::encoding::der::DerError;
use minipki_core::time::UnixTime;
use minipki_core::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, ExtensionValue, KeyUsage, NameConstraints, SubjectAltName,
};
use minipki_core::x509::{Certificate, Check, CrlReason, Limit, PathError, RevocationError};
use serde_json::{Value, json};

use super::super::{CliError, Exit};
use super::args::{Args, ProfileArg};
use super::files::Source;
use super::input::Input;
use super::names::{distinguished, first, general, list};

use super::{algorithm, extensions, malformed, oids};

/// The reason why a certificate is refused.
pub(super) struct Refusal {
    check: Option<Check>,
    /// The certificate that did not pass the check.
    certificate: Option<String>,
    seen: String,
    next: String,
}

impl Refusal {
    /// The refusal of a certificate that is malformed.
    pub(super) fn malformed(source: &Source, error: DerError) -> Self {
        Self {
            check: None,
            certificate: Some(source.to_string()),
            seen: format!("it is malformed: {}", source.describe(error)),
            next: "it was damaged or changed; get it again from its source".to_owned(),
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "certificate": self.certificate,
            "check": self.check.map(Check::name),
            "next": self.next,
            "section": self.check.map(Check::section),
            "seen": self.seen,
        })
    }

    pub(super) fn into_error(self) -> CliError {
        let error = match self.check {
            Some(check) => format!("{} (check {check}, {})", self.seen, check.section()),
            None => self.seen,
        };
        let error = CliError::new(Exit::NotVerified, error, self.next);
        match self.certificate {
            Some(certificate) => error.with(certificate),
            None => error,
        }
    }
}

/// Explains an error of the validator.
pub(super) fn of(
    error: &PathError,
    revocation: Option<RevocationError>,
    input: &Input<'_>,
    args: &Args,
    at: UnixTime,
) -> Refusal {
    let PathError::Refused { check, place, .. } = error else {
        let next = match error {
            PathError::Budget(Limit::Depth) => {
                "give the certificate of a CA that is nearer to it with --trust, if you trust that CA"
            }
            _ => "give fewer certificates with --untrusted: those of the path are enough",
        };
        return Refusal { check: None, certificate: None, seen: error.to_string(), next: next.to_owned() };
    };
    let Some((source, certificate)) = input.at(*place) else {
        let next = "do not trust it".to_owned();
        return Refusal { check: Some(*check), certificate: None, seen: error.to_string(), next };
    };
    let revocation = revocation.filter(|_| *check == Check::Revocation);
    let case = Case { check: *check, revocation, certificate, input, args, at };
    Refusal {
        check: Some(*check),
        certificate: Some(source.to_string()),
        seen: case.seen(),
        next: case.next().to_owned(),
    }
}

/// A failed check and its certificate.
struct Case<'c, 'a> {
    check: Check,
    revocation: Option<RevocationError>,
    certificate: &'c Certificate<'a>,
    input: &'c Input<'a>,
    args: &'c Args,
    at: UnixTime,
}

impl<'a> Case<'_, 'a> {
    fn extension<T: ExtensionValue<'a>>(&self) -> Option<T> {
        Some(self.certificate.extension::<T>().ok()??.value)
    }

    fn seen(&self) -> String {
        let certificate = self.certificate;
        match self.check {
            Check::Issuer if certificate.is_self_issued() => {
                format!(
                    "it is self-signed, and {} is not among the trusted CAs",
                    distinguished(certificate.subject())
                )
            }
            Check::Issuer => {
                format!(
                    "its issuer {} is not among the given certificates",
                    distinguished(certificate.issuer())
                )
            }
            Check::Extension => {
                let error = certificate.extensions().find_map(|raw| raw.check().err());
                error.map_or_else(
                    || "an extension is malformed".to_owned(),
                    |error| malformed::seen(certificate.der(), error),
                )
            }
            Check::CriticalExtension => {
                let unknown = certificate.extensions().filter(|raw| raw.critical && raw.check() == Ok(false));
                format!("its critical extension {} is not known", list(unknown.map(|raw| oids::full(raw.id))))
            }
            Check::AlgorithmMatch => format!(
                "it names two signature algorithms: {} in the signed part, and {} after it",
                algorithm::signature(certificate.signed_algorithm()),
                algorithm::signature(certificate.signature_algorithm()),
            ),
            Check::BasicConstraints => match self.extension::<BasicConstraints>() {
                Some(_) => {
                    "it has issued a certificate, and its basicConstraints say that it is no CA".to_owned()
                }
                None => "it has issued a certificate, and has no basicConstraints, so it is no CA".to_owned(),
            },
            Check::KeyCertSign => {
                format!("it has issued a certificate, and its key may be used only for {}", self.uses())
            }
            Check::SignatureAlgorithm => format!(
                "it is signed by {}, which is not accepted",
                algorithm::signature(certificate.signature_algorithm())
            ),
            Check::IssuerKey => format!(
                "its key, {}, is not accepted for the signature below it",
                algorithm::key_words(certificate.public_key())
            ),
            Check::Signature => {
                format!(
                    "its signature is not by the key of its issuer {}",
                    distinguished(certificate.issuer())
                )
            }
            Check::PathLength => "an issuer above it allows fewer intermediates below itself".to_owned(),
            Check::NameConstraints => {
                format!("an issuer above it does not permit its names: {}", self.names())
            }
            Check::Purpose | Check::CaPurpose => {
                format!("it allows only these purposes: {}", self.purposes())
            }
            Check::KeyUsage => format!("its key may be used only for {}", self.uses()),
            Check::NotBefore => {
                format!("it is valid from {} on, and it is {}", certificate.not_before(), self.at)
            }
            Check::NotAfter => {
                format!("it was valid until {}, and it is {}", certificate.not_after(), self.at)
            }
            Check::Revocation => self.revoked(),
            Check::SubjectName => match (&self.args.name, self.extension::<SubjectAltName<'a>>()) {
                (Some(name), Some(_)) => format!("it is for {}, and not for {name}", self.alt_names()),
                _ => "it has no subjectAltName, and the name in its subject is not used".to_owned(),
            },
            check => format!("it does not fulfil this: {}", check.meaning()),
        }
    }

    fn next(&self) -> &'static str {
        match self.check {
            Check::Issuer => {
                "give the certificate of its issuer with --untrusted, or with --trust if you trust that CA"
            }
            Check::CriticalExtension => {
                "do not trust it here: only a program that knows the extension can check it"
            }
            Check::Signature | Check::AlgorithmMatch => {
                "do not trust it; it was changed, or another CA has the same name: get the certificates again from their source"
            }
            Check::BasicConstraints | Check::KeyCertSign if self.is_anchor() => {
                "give the certificate of a CA with --trust, and not that of a server or person"
            }
            Check::BasicConstraints | Check::KeyCertSign => {
                "do not trust the certificate that it has issued: its holder is no CA"
            }
            Check::SignatureAlgorithm | Check::IssuerKey | Check::KeyStrength => {
                "ask its issuer for a certificate with RSA of 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519, and SHA-256 or better"
            }
            Check::PathLength | Check::NameConstraints | Check::PolicyMapping | Check::Policy => {
                "do not trust it for this; its issuer may not issue such a certificate"
            }
            Check::Purpose | Check::KeyUsage => {
                "check --purpose; if it is right, ask the issuer for a certificate for this purpose"
            }
            Check::CaPurpose => "check --purpose; if it is right, use a certificate of another CA",
            Check::NotBefore | Check::NotAfter if self.args.at.is_some() => {
                "this is for the time of --at; without --at, the certificate is verified for now"
            }
            Check::NotBefore => "check this machine's clock; if it is right, wait until then",
            Check::NotAfter => {
                "check this machine's clock; if it is right, its holder needs a new certificate"
            }
            Check::Revocation => match self.revocation {
                Some(RevocationError::Revoked { reason: Some(CrlReason::CertificateHold), .. }) => {
                    "do not trust it; it is on hold, and a later CRL can remove the hold"
                }
                Some(RevocationError::Unknown { crl: None, .. }) => {
                    "give the CRL of that issuer with --crl; inspect shows where to get it (cRLDistributionPoints)"
                }
                Some(RevocationError::Unknown { .. }) => {
                    "get a new CRL from its issuer; until then do not trust it"
                }
                _ => {
                    "do not trust it; its holder needs a new certificate, for a new key if the key was compromised"
                }
            },
            Check::SubjectName => "check the name; if it is right, do not trust the certificate for it",
            check if self.args.profile == ProfileArg::WebPki && !ProfileArg::Rfc5280.profile().has(check) => {
                "ask its issuer for a new certificate; a CA that is not of the web is verified with --profile rfc5280"
            }
            _ => "do not trust it; ask its issuer for a certificate that follows the standard",
        }
    }

    /// The content of the CRLs about the certificate.
    fn revoked(&self) -> String {
        let file = |crl: usize| self.input.crls.0.get(crl).map_or_else(String::new, ToString::to_string);
        match self.revocation {
            Some(RevocationError::Revoked { crl, reason, revoked_at, .. }) => {
                let reason = reason.map(|reason| format!(" with the reason {reason}")).unwrap_or_default();
                format!("it was revoked at {revoked_at}{reason}, as {} says", file(crl))
            }
            Some(RevocationError::Unknown { check, crl: Some(crl), .. }) => format!(
                "whether it is revoked is not known: {} does not fulfil this: {} ({check}, {})",
                file(crl),
                check.meaning(),
                check.section()
            ),
            _ => format!(
                "whether it is revoked is not known: there is no CRL of its issuer {}",
                distinguished(self.certificate.issuer())
            ),
        }
    }

    fn is_anchor(&self) -> bool {
        let mut anchors = self.input.anchors.1.iter().filter_map(|anchor| anchor.certificate());
        anchors.any(|anchor| std::ptr::eq(anchor, self.certificate))
    }

    fn uses(&self) -> String {
        self.extension::<KeyUsage>().map_or_else(|| "nothing".to_owned(), extensions::uses)
    }

    fn purposes(&self) -> String {
        list(
            self.extension::<ExtendedKeyUsage<'a>>().into_iter().flat_map(|listed| listed.0).map(oids::short),
        )
    }

    fn alt_names(&self) -> String {
        let names = self.extension::<SubjectAltName<'a>>();
        first(names.into_iter().flat_map(|names| names.0).map(|name| general(&name)))
    }

    /// The names that constraints are about.
    fn names(&self) -> String {
        let subject = Some(self.certificate.subject()).filter(|subject| !subject.is_empty());
        let subject = subject.map(|subject| format!("directory:{}", distinguished(subject)));
        let names = self.extension::<SubjectAltName<'a>>();
        let names = names.into_iter().flat_map(|names| names.0).map(|name| general(&name));
        let own = first(subject.into_iter().chain(names));
        match self.constraints() {
            Some(constraints) => format!("{own} (constraints: {constraints})"),
            None => own,
        }
    }

    /// The constraints of all given CAs, of which at least one is above the certificate.
    fn constraints(&self) -> Option<String> {
        let anchors = self.input.anchors.1.iter().filter_map(|anchor| anchor.certificate());
        let issuers = self.input.intermediates.1.iter().chain(anchors);
        let found = issuers.filter_map(|issuer| issuer.extension::<NameConstraints<'_>>().ok()?);
        let texts: Vec<_> = found.take(3).map(|found| extensions::constraints(&found.value)).collect();
        (!texts.is_empty()).then(|| texts.join(" and "))
    }
}
