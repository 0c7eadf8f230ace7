//! `minipki ca revoke` and `minipki ca unhold`: change the revocation of certificates.

use clap::Args;
use minipki_core::cert::IdBuf;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial};
use serde_json::{Value, json};

use super::super::{CliError, Exit, output, revoke::confirm, revoke::reason};
use super::{Folder, acted};
use minipki_ca::ports::{
    CertificateRecord, LedgerReader, Page, RevocationChange, RevocationOutcome, Storage,
};
use minipki_keys::CaFolder;
use minipki_os::clock;
use minipki_os::files::quoted;
use minipki_server::state::storage;

/// The number of records that are read at a time.
const PAGE: usize = 500;

/// Revoke certificates, or put them on hold
///
/// Each later status and list says so, also while the CA is served. A certificate on hold can become valid again, see
/// `minipki ca unhold`. Any other revocation is final. After key_compromise the CA does not certify the key again.
///
/// A stolen key can have several certificates, and its thief can have renewed one with another key: revoke all
/// certificates of the subject then (--subject, --all). The name of a revoked certificate is free: unless the CA
/// demands tokens, the next requester gets it.
#[derive(Args)]
#[command(after_help = "Examples:
  minipki ca revoke --dir my-ca --serial 4890144333661952 --reason key_compromise
  minipki ca revoke --dir my-ca --subject sensor-17 --all --reason certificate_hold")]
pub(in crate::cli) struct RevokeArgs {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    which: Which,
    /// The reason: unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation,
    /// certificate_hold or privilege_withdrawn
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: RevocationReason,
    /// Do not ask for a confirmation at the terminal
    #[arg(long)]
    yes: bool,
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
}

/// Remove the hold of certificates, so that they are valid again
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca unhold --dir my-ca --subject sensor-17 --all")]
pub(in crate::cli) struct UnholdArgs {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    which: Which,
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
}

/// The certificates to change.
#[derive(Args)]
struct Which {
    /// The certificate with this serial number; may be given several times
    #[arg(long, value_name = "N", required_unless_present = "subject")]
    serial: Vec<Serial>,
    /// The certificate of this subject that has not ended
    #[arg(long, value_name = "NAME", conflicts_with = "serial")]
    subject: Option<IdBuf>,
    /// All such certificates of the subject, if there are several
    #[arg(long, requires = "subject")]
    all: bool,
}

pub(super) fn revoke(args: &RevokeArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let (now, hold) = (clock::now()?, args.reason == RevocationReason::CertificateHold);
    let serials = args.which.serials(&folder, now, |record| match record.revocation {
        None => true,
        Some(revocation) => revocation.reason == RevocationReason::CertificateHold && !hold,
    })?;
    if !hold {
        let names: Vec<_> = serials.iter().map(ToString::to_string).collect();
        confirm(args.yes, &format!("Nobody can undo this revocation: certificate {}.", names.join(", ")))?;
    }
    change(&folder, &serials, args.reason, now, args.json)
}

pub(super) fn unhold(args: &UnholdArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let now = clock::now()?;
    let held = |record: &CertificateRecord| {
        record.revocation.is_some_and(|revocation| revocation.reason == RevocationReason::CertificateHold)
    };
    let serials = args.which.serials(&folder, now, held)?;
    change(&folder, &serials, RevocationReason::RemoveFromHold, now, args.json)
}

impl Which {
    /// The serial numbers. Of a subject, the certificates that have not ended and that are `wanted`.
    fn serials(
        &self,
        folder: &CaFolder,
        now: UnixTime,
        wanted: impl Fn(&CertificateRecord) -> bool,
    ) -> Result<Vec<Serial>, CliError> {
        let Some(subject) = &self.subject else { return Ok(self.serial.clone()) };
        let mut reader = storage(folder).reader()?;
        let records = records(reader.as_mut(), subject)?;
        let alive = records.iter().filter(|record| record.validity.not_after() >= now && wanted(record));
        let serials: Vec<_> = alive.map(|record| record.serial).collect();
        let dir = quoted(folder.path());
        let seen = match serials[..] {
            [] => {
                format!("{subject} has no such certificate: each one has ended, or is in this state already")
            }
            [_, _, ..] if !self.all => {
                let names: Vec<_> = serials.iter().map(ToString::to_string).collect();
                format!("{subject} has several certificates that have not ended: {}", names.join(", "))
            }
            _ => return Ok(serials),
        };
        let next = match serials[..] {
            [] => format!("see its certificates: minipki ca list --dir {dir} --subject {subject}"),
            _ => "give --all, or one of them with --serial".to_owned(),
        };
        Err(CliError::new(Exit::Failed, seen, next))
    }
}

/// All certificates of a subject.
fn records(reader: &mut dyn LedgerReader, subject: &IdBuf) -> Result<Vec<CertificateRecord>, CliError> {
    let mut records: Vec<CertificateRecord> = Vec::new();
    loop {
        let after = records.last().map_or(0, |record| record.id);
        let page = reader.list(Page { subject: Some(subject.as_id()), after, limit: PAGE })?;
        let last = page.len() < PAGE;
        records.extend(page);
        if last {
            return Ok(records);
        }
    }
}

/// Makes the changes, and shows them.
fn change(
    folder: &CaFolder,
    serials: &[Serial],
    reason: RevocationReason,
    now: UnixTime,
    as_json: bool,
) -> Result<(), CliError> {
    let actor = super::operator();
    let changes: Vec<_> =
        serials.iter().map(|serial| RevocationChange::new(*serial, reason, actor.clone())).collect();
    let outcomes = storage(folder).revocations(now)?.revoke(&changes, now)?;
    let done: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    for outcome in done.iter().filter(|outcome| outcome.changed) {
        let record = &outcome.record;
        let details = format!("certificate {}, {reason}, revocation number {}", record.serial, record.number);
        acted(folder, "change a revocation", &details);
    }
    if as_json {
        output::json(&done.iter().map(|outcome| object(outcome)).collect::<Vec<_>>().into())?;
    }
    done.iter().for_each(|outcome| output::say(sentence(outcome)));
    match outcomes.into_iter().find_map(Result::err) {
        None => Ok(()),
        Some(error) => Err(CliError::from_diagnostic(Exit::Failed, error)),
    }
}

fn sentence(outcome: &RevocationOutcome) -> String {
    let RevocationOutcome { record, changed } = outcome;
    let (serial, before) = (record.serial, if *changed { "" } else { " already" });
    match record.reason {
        RevocationReason::RemoveFromHold => format!("certificate {serial} is not on hold any more"),
        RevocationReason::CertificateHold => format!("certificate {serial} is{before} on hold"),
        reason => format!("certificate {serial} is{before} revoked since {} (reason: {reason})", record.time),
    }
}

fn object(outcome: &RevocationOutcome) -> Value {
    let record = &outcome.record;
    json!({
        "changed": outcome.changed,
        "changed_at": record.time.to_string(),
        "reason": record.reason.name(),
        "revocation_number": record.number,
        "serial_hex": super::list::serial_hex(record.serial),
        "serial_number": record.serial.to_u64(),
    })
}
