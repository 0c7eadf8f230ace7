//! The checks of an X.509 certificate under the certificates of the CA, each with its section and its result.

use minipki_core::encoding::der::Oid;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{Revocation, StatusError};
use minipki_core::x509::algorithm::rsa::RSA_PKCS1_SHA256;
use minipki_core::x509::extension::ExtendedKeyUsage;
use minipki_core::x509::{
    self, Certificate, PathError, PathValidator, Place, Profile, SignatureAlgorithm, TrustAnchor, ValidPath,
    WorkSpace, oid,
};

use super::checks::{Check, Outcome};
use minipki_ca::CaCertificate;
use minipki_net::trace::x509::checks;
use minipki_net::trace::x509::{algorithm, malformed, names, oids};

/// The reading of the certificate, which comes before all checks.
const READ: &str =
    "The bytes are a certificate in DER: each field has its type, and each value its one encoding";

/// Verifies a certificate with the code of `minipki x509 verify`, under the certificates of the CA's keys. Its revocation is
/// from the ledger. No name is expected of it.
pub(super) fn check(
    der: &[u8],
    authorities: &[CaCertificate],
    revocation: Option<Revocation>,
    now: UnixTime,
) -> Vec<Check> {
    let certificate = match Certificate::parse(der) {
        Ok(certificate) => certificate,
        Err(error) => return vec![read(Outcome::Failed(malformed::seen(der, error)), der)],
    };
    let anchors: Vec<_> = authorities
        .iter()
        .filter_map(|authority| Certificate::parse(authority.der()).ok())
        .map(TrustAnchor::from_certificate)
        .collect();
    // The CA signs with this algorithm alone.
    let algorithms: [&dyn SignatureAlgorithm; 1] = [&RSA_PKCS1_SHA256];
    let mut validator = PathValidator::new(&algorithms, Now::Exact(now));
    validator.profile = Profile::RFC5280;
    let purpose = purpose(&certificate);
    validator.purpose = purpose;
    let (mut path, mut space) = (Vec::new(), WorkSpace::new());
    let verdict = validator.validate_with(&certificate, &[], &anchors, &mut space, |found| {
        path = subjects(found);
        match revocation {
            Some(_) => {
                Err(PathError::Refused { check: x509::Check::Revocation, place: Place::EndEntity, at: None })
            }
            None => Ok(()),
        }
    });
    let error = verdict.err();
    let case = Case { certificate: &certificate, path, purpose, error, revocation, now };
    let asked = x509::Check::ALL.iter().filter(|check| case.is_asked(**check));
    [read(Outcome::Passed, der)].into_iter().chain(asked.map(|check| case.check(*check))).collect()
}

fn read(result: Outcome, der: &[u8]) -> Check {
    Check {
        text: READ, section: "RFC 5280 §4.1, X.690 §11", result, details: format!("{} bytes", der.len())
    }
}

/// The purpose of TLS that the certificate lists, a server before a client.
fn purpose(certificate: &Certificate<'_>) -> Option<Oid<'static>> {
    let ExtendedKeyUsage(purposes) = certificate.extension::<ExtendedKeyUsage<'_>>().ok()??.value;
    let listed: Vec<_> = purposes.collect();
    [oid::SERVER_AUTH, oid::CLIENT_AUTH].into_iter().find(|known| listed.contains(known))
}

/// The subjects of the certificates of a path, the trust anchor last.
fn subjects(path: &ValidPath<'_, '_>) -> Vec<String> {
    let anchor = path.anchor().certificate().map(|anchor| names::distinguished(anchor.subject()));
    path.links().map(|link| names::distinguished(link.certificate.subject())).chain(anchor).collect()
}

/// A certificate and the verdict of the validator.
struct Case<'c, 'a> {
    certificate: &'c Certificate<'a>,
    path: Vec<String>,
    purpose: Option<Oid<'static>>,
    error: Option<PathError>,
    revocation: Option<Revocation>,
    now: UnixTime,
}

impl Case<'_, '_> {
    /// Whether the page asks for this check.
    fn is_asked(&self, check: x509::Check) -> bool {
        use x509::Check::{CaPurpose, KeyUsage, Purpose, SubjectName};
        match check {
            SubjectName => false,
            Purpose | KeyUsage | CaPurpose => self.purpose.is_some(),
            check => check < SubjectName || Profile::RFC5280.has(check),
        }
    }

    fn check(&self, check: x509::Check) -> Check {
        let (result, details) = match checks::outcome(check, self.error) {
            checks::Outcome::Passed => (Outcome::Passed, self.details(check)),
            checks::Outcome::Failed => (Outcome::Failed(self.reason(check)), String::new()),
            checks::Outcome::NotChecked(_) => (Outcome::NotReached, String::new()),
        };
        Check { text: check.meaning(), section: check.section(), result, details }
    }

    /// The values that the check compares.
    fn details(&self, check: x509::Check) -> String {
        match check {
            x509::Check::Issuer => self.path.join(", issued by "),
            x509::Check::Signature => algorithm::signature(self.certificate.signature_algorithm()),
            x509::Check::Purpose => self.purpose.map(oids::short).unwrap_or_default(),
            x509::Check::NotBefore => format!("it begins at {}", self.certificate.not_before()),
            x509::Check::NotAfter => format!("it ends at {}", self.certificate.not_after()),
            x509::Check::Revocation => "the ledger has no revocation and no hold".to_owned(),
            _ => String::new(),
        }
    }

    /// The reason why the check has failed.
    fn reason(&self, check: x509::Check) -> String {
        let (certificate, now) = (self.certificate, self.now);
        match (check, self.revocation, self.error) {
            (x509::Check::Issuer, ..) => format!(
                "no CA certificate of this CA has issued it: its issuer is {}",
                names::distinguished(certificate.issuer())
            ),
            (x509::Check::NotBefore, ..) => {
                format!("it begins at {}, and it is {now}", certificate.not_before())
            }
            (x509::Check::NotAfter, ..) => {
                format!("it has ended at {}, and it is {now}", certificate.not_after())
            }
            (x509::Check::Revocation, Some(revocation), _) => StatusError::Revoked(revocation).to_string(),
            (.., Some(error)) => error.to_string(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minipki_core::trust::RevocationReason;

    const SERVER: &[u8] = include_bytes!("../../../../../core/examples/data/x509/server.der");
    const ISSUER: &[u8] = include_bytes!("../../../../../core/examples/data/x509/issuing-ca.der");
    const ROOT: &[u8] = include_bytes!("../../../../../core/examples/data/x509/root.der");

    /// The result of each check at `now`, under this CA certificate.
    fn results(der: &[u8], authority: &[u8], revocation: Option<Revocation>, now: &str) -> Vec<Check> {
        let authority = CaCertificate::parse(authority).expect("a CA certificate");
        check(der, &[authority], revocation, now.parse().expect("a time"))
    }

    /// The section of the failed check, and the number of checks that were not reached.
    fn failed(checks: &[Check]) -> (Option<&str>, usize) {
        let failed = checks.iter().find(|check| matches!(check.result, Outcome::Failed(_)));
        let others = checks.iter().filter(|check| matches!(check.result, Outcome::NotReached)).count();
        (failed.map(|check| check.section), others)
    }

    #[test]
    fn each_check_has_its_result() {
        let now = "2026-06-15T12:00:00+00:00";
        let good = results(SERVER, ISSUER, None, now);
        assert_eq!(failed(&good), (None, 0));
        let details: Vec<_> = good.iter().map(|check| &check.details[..]).collect();
        assert!(
            details.contains(&"serverAuth") && details.contains(&"sha256WithRSAEncryption"),
            "{details:?}"
        );
        assert!(details.iter().any(|text| text.contains(", issued by CN=")), "{details:?}");

        let expired = results(SERVER, ISSUER, None, "2027-06-15T12:00:00+00:00");
        assert_eq!(failed(&expired), (Some("RFC 5280 §6.1.3 (a)(2)"), 2));
        let reason = RevocationReason::Superseded;
        let revocation = Some(Revocation { reason, revoked_at: now.parse().expect("a time") });
        let revoked = results(SERVER, ISSUER, revocation, now);
        assert_eq!(failed(&revoked), (Some("RFC 5280 §6.1.3 (a)(3)"), 0));
        let other = results(SERVER, ROOT, None, now);
        assert_eq!(failed(&other).0, Some("RFC 5280 §6.1.3 (a)(4)"));
        let malformed = results(SERVER.get(1..).expect("bytes"), ISSUER, None, now);
        assert_eq!((failed(&malformed), malformed.len()), ((Some("RFC 5280 §4.1, X.690 §11"), 0), 1));
    }
}
