//! The result of each check, and the path.

use std::fmt::Write;

use minipki_core::time::UnixTime;
use minipki_core::x509::{Certificate, Check, PathError, Place};
use minipki_net::trace::explain::hex;
use serde_json::{Value, json};

use super::args::{Args, ProfileArg, Purpose};
use super::checks::{self, Outcome};
use super::input::Input;
use super::names::distinguished;
use super::refusal::Refusal;

/// A certificate of the path, for the user.
struct Step {
    from: String,
    subject: String,
    role: &'static str,
}

/// All that the command says about a certificate.
pub(super) struct Report<'r, 'a> {
    pub(super) args: &'r Args,
    pub(super) input: &'r Input<'a>,
    pub(super) at: UnixTime,
    pub(super) error: Option<PathError>,
    /// The places of the certificates of the path that passed the checks of RFC 5280 §6.1, the trust anchor last.
    pub(super) path: &'r [Place],
    pub(super) refusal: Option<&'r Refusal>,
}

impl Report<'_, '_> {
    fn outcome(&self, check: Check) -> Outcome {
        if let Some(reason) = self.left_out(check) {
            return Outcome::NotChecked(reason);
        }
        checks::outcome(check, self.error)
    }

    /// The reason why a check was not asked for.
    fn left_out(&self, check: Check) -> Option<&'static str> {
        let always = check <= Check::SubjectName;
        match check {
            Check::Purpose | Check::KeyUsage | Check::CaPurpose if self.args.purpose == Purpose::Any => {
                Some("--purpose is any")
            }
            Check::SubjectName if self.args.name.is_none() => Some("there is no --name"),
            Check::Revocation if self.args.crl.is_empty() => Some("there is no --crl"),
            _ if always || self.args.profile.profile().has(check) => None,
            _ => Some(match self.args.profile {
                ProfileArg::Rfc5280 => "only with --profile web-pki",
                ProfileArg::WebPki => "only with --profile rfc5280",
            }),
        }
    }

    /// The certificates of the path, for the user.
    fn steps(&self) -> impl Iterator<Item = Step> {
        self.path.iter().filter_map(|place| {
            let (source, certificate) = self.input.at(*place)?;
            let role = match place {
                Place::EndEntity => "certificate",
                Place::Intermediate(_) => "intermediate",
                Place::Anchor(_) => "trust anchor",
            };
            Some(Step { from: source.to_string(), subject: distinguished(certificate.subject()), role })
        })
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let verdict = if self.refusal.is_some() { "refused" } else { "valid" };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{verdict} at {}", self.at);
        if !self.path.is_empty() {
            text.push_str("  path\n");
        }
        for Step { from, subject, role } in self.steps() {
            let _ = writeln!(text, "    {role:<13} {subject}\n    {:<13} {from}", "");
        }
        text.push_str("  checks\n");
        for check in Check::ALL {
            let (outcome, reason) = match self.outcome(*check) {
                Outcome::Passed => ("passed", ""),
                Outcome::Failed => ("FAILED", ""),
                Outcome::NotChecked(reason) => ("not checked", reason),
            };
            let _ = writeln!(text, "    {outcome:<11}  {check}: {} ({})", check.meaning(), check.section());
            if !reason.is_empty() {
                let _ = writeln!(text, "    {:<11}  because {reason}", "");
            }
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let checks = Check::ALL.iter().map(|check| {
            let (result, reason) = match self.outcome(*check) {
                Outcome::Passed => ("passed", None),
                Outcome::Failed => ("failed", None),
                Outcome::NotChecked(reason) => ("not_checked", Some(reason)),
            };
            json!({
                "check": check.name(),
                "meaning": check.meaning(),
                "reason": reason,
                "result": result,
                "section": check.section(),
            })
        });
        let path = self.steps().map(|Step { from, subject, role }| {
            json!({ "from": from, "role": role.replace(' ', "_"), "subject": subject })
        });
        let (source, certificate) = self.input.certificate;
        json!({
            "at": self.at.to_string(),
            "certificate": certificate_json(certificate, source.to_string()),
            "checks": checks.collect::<Vec<_>>(),
            "error": self.refusal.map(Refusal::json),
            "path": path.collect::<Vec<_>>(),
            "valid": self.refusal.is_none(),
        })
    }
}

/// The JSON of a certificate that is malformed.
pub(super) fn malformed_json(refusal: &Refusal, at: UnixTime) -> Value {
    json!({
        "at": at.to_string(),
        "certificate": null,
        "checks": [],
        "error": refusal.json(),
        "path": [],
        "valid": false,
    })
}

fn certificate_json(certificate: &Certificate<'_>, from: String) -> Value {
    json!({
        "from": from,
        "issuer": distinguished(certificate.issuer()),
        "not_after": certificate.not_after().to_string(),
        "not_before": certificate.not_before().to_string(),
        "serial_hex": hex(certificate.serial()),
        "subject": distinguished(certificate.subject()),
    })
}
