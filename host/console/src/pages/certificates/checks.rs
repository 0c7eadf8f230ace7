//! The checks of a certificate, each with its result.

use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{self, Revocation, RevocationCheck, StatusError};

use minipki_net::trace::explain::hex;

/// One check and its result.
pub(super) struct Check {
    pub(super) text: &'static str,
    /// The section of the standard or of the protocol that demands it.
    pub(super) section: &'static str,
    pub(super) result: Outcome,
    /// The compared values; `None` if the check was not reached.
    pub(super) details: String,
}

pub(super) enum Outcome {
    Passed,
    Failed(String),
    /// An earlier check has failed.
    NotReached,
}

/// The checks in the order of [`Certificate::parse`] and [`cert::verify`].
const CHECKS: [&str; 6] = [
    "The text is canonical JSON with the fields of a certificate, and each field is well formed",
    "The issuer is this CA",
    "The issuer key is this CA's key, by its fingerprint",
    "The signature over the signed bytes verifies under this key: RSASSA-PSS with SHA-256",
    "The CA has neither revoked the certificate nor put it on hold. A client sees this in a status that the CA signs",
    "The time now is within the validity period",
];

/// The section of these checks.
const SECTION: &str = "MiniPKI protocol §3";

/// The index of the check of the revocation in [`CHECKS`].
const REVOCATION: usize = 4;

/// The index of a check in [`CHECKS`]. This page expects no subject, so the last two never fail here.
const fn place(check: trust::Check) -> usize {
    match check {
        trust::Check::Encoding | trust::Check::Fields => 0,
        trust::Check::Issuer => 1,
        trust::Check::IssuerKey => 2,
        trust::Check::Signature => 3,
        trust::Check::Status | trust::Check::Revocation | trust::Check::StatusTime => REVOCATION,
        trust::Check::NotBefore | trust::Check::NotAfter => 5,
        trust::Check::SubjectKey | trust::Check::Subject => 0,
    }
}

/// Verifies a certificate with the code of a client. Its revocation is from the ledger.
pub(super) fn check(
    anchor: &Anchor,
    text: &[u8],
    revocation: Option<Revocation>,
    now: UnixTime,
) -> Vec<Check> {
    let verdict = Certificate::parse(text).and_then(|certificate| {
        cert::verify(Portable::new(), anchor, &certificate, Now::Exact(now), RevocationCheck::NotChecked)
    });
    let failed = verdict.err().map(|error| (error.check().map_or(0, place), error.to_string()));
    let revoked = revocation.map(|revocation| (REVOCATION, StatusError::Revoked(revocation).to_string()));
    let failed = [failed, revoked].into_iter().flatten().min_by_key(|(place, _)| *place);
    let result = |place: usize| match &failed {
        Some((at, reason)) if *at == place => Outcome::Failed(reason.clone()),
        Some((at, _)) if *at < place => Outcome::NotReached,
        _ => Outcome::Passed,
    };
    let details = details(anchor, text, now);
    let check = |((place, text), details): ((usize, &'static str), String)| match result(place) {
        Outcome::Passed => Check { text, section: SECTION, result: Outcome::Passed, details },
        result => Check { text, section: SECTION, result, details: String::new() },
    };
    CHECKS.into_iter().enumerate().zip(details).map(check).collect()
}

/// The values that each check compares.
fn details(anchor: &Anchor, text: &[u8], now: UnixTime) -> [String; 6] {
    let Ok(certificate) = Certificate::parse(text) else { return Default::default() };
    let signed = certificate.signed_slices();
    let validity = certificate.validity();
    [
        format!("{} bytes", text.len()),
        anchor.issuer_id().map(|id| id.to_string()).unwrap_or_default(),
        anchor.fingerprint().to_string(),
        format!("SHA-256 of the signed bytes: {}", hex(&Portable::new().sha256(&signed))),
        "the ledger has no revocation and no hold".to_owned(),
        format!("{now} is between {} and {}", validity.not_before(), validity.not_after()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use minipki_core::trust::RevocationReason;

    /// The number of passed checks, the index of the failed check, and the number of checks that were not reached.
    fn outcome(
        certificate: &[u8],
        revocation: Option<Revocation>,
        now: u64,
    ) -> (usize, Option<usize>, usize) {
        let anchor =
            Anchor::decode(Portable::new(), include_bytes!("../../../../../vectors/cert/anchor.json"))
                .expect("a good anchor");
        let checks = check(&anchor, certificate, revocation, UnixTime::new(now).expect("a time"));
        let count =
            |wanted: fn(&Outcome) -> bool| checks.iter().filter(|check| wanted(&check.result)).count();
        (
            count(|result| matches!(result, Outcome::Passed)),
            checks.iter().position(|check| matches!(check.result, Outcome::Failed(_))),
            count(|result| matches!(result, Outcome::NotReached)),
        )
    }

    #[test]
    fn each_check_fails_by_itself() {
        let good = include_bytes!("../../../../../vectors/cert/accept/good");
        let validity = Certificate::parse(good).expect("a good one").validity();
        let now = validity.not_before().get();
        assert_eq!(outcome(good, None, now), (6, None, 0));
        assert_eq!(outcome(good, None, now - 1), (5, Some(5), 0));
        assert_eq!(outcome(b"{}", None, now), (0, Some(0), 5));
        let reason = RevocationReason::KeyCompromise;
        let revoked = Some(Revocation { reason, revoked_at: validity.not_before() });
        for now in [now, now - 1] {
            assert_eq!(outcome(good, revoked, now), (4, Some(REVOCATION), 1));
        }
        assert_eq!(outcome(b"{}", revoked, now), (0, Some(0), 5));
        for (certificate, place) in [
            (&include_bytes!("../../../../../vectors/cert/refuse/issuer_mismatch-other_name")[..], 1),
            (&include_bytes!("../../../../../vectors/cert/refuse/issuer_key_mismatch-other_exponent")[..], 2),
            (&include_bytes!("../../../../../vectors/cert/refuse/signature-by_another_key")[..], 3),
        ] {
            assert_eq!(outcome(certificate, None, now), (place, Some(place), 5 - place));
            assert_eq!(outcome(certificate, revoked, now), (place, Some(place), 5 - place));
        }
    }
}
