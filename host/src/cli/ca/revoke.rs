//! `minipki ca revoke` and `minipki ca unhold`: change the revocation of certificates.

use std::mem;
use std::time::Duration;

use clap::{ArgGroup, Args};
use minipki_core::cert::IdBuf;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial};
use serde_json::{Value, json};

use super::super::confirm::ConfirmArgs;
use super::super::{CliError, Exit, duration_or_zero, output, revoke::reason};
use super::{Folder, acted};
use minipki_ca::ports::{
    CertificateRecord, LedgerReader, Page, RevocationChange, RevocationOutcome, RevocationRecord, Storage,
};
use minipki_keys::CaFolder;
use minipki_os::clock;
use minipki_os::files::quoted;
use minipki_server::state::storage;

/// The number of records that are read at a time.
const PAGE: usize = 500;

/// The certificates that can be revoked, and those whose hold can end, as the end of a sentence.
const USABLE: &str = "can be used or renewed";
const HELD: &str = "is on hold";

/// Revoke certificates, or put them on hold
///
/// Each later status and list says so, also while the CA is served. A certificate on hold can become valid again, see
/// `minipki ca unhold`. Any other revocation is final. After key_compromise the CA does not certify the key again, and its
/// other certificates are revoked too.
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
    #[command(flatten)]
    confirmation: ConfirmArgs,
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
#[command(group = ArgGroup::new("certificates").required(true).args(["serial", "subject"]))]
struct Which {
    /// The certificate with this serial number; may be given several times
    #[arg(long, value_name = "N")]
    serial: Vec<Serial>,
    /// The certificate of this subject that has not ended, or can still be renewed
    #[arg(long, value_name = "NAME", conflicts_with = "serial")]
    subject: Option<IdBuf>,
    /// All such certificates of the subject, if there are several
    #[arg(long, requires = "subject")]
    all: bool,
    /// The time after its end in which a certificate can be renewed: that of `minipki ca serve`
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration_or_zero, requires = "subject")]
    renewal_grace: Duration,
}

pub(super) fn revoke(args: &RevokeArgs) -> Result<(), CliError> {
    let (folder, which, now) = (args.folder.open()?, &args.which, clock::now()?);
    let hold = args.reason == RevocationReason::CertificateHold;
    let would_change =
        |record: &CertificateRecord| match record.revocation.map(|revocation| revocation.reason) {
            None => true,
            Some(RevocationReason::CertificateHold) => !hold,
            Some(reason) => args.reason == RevocationReason::KeyCompromise && reason != args.reason,
        };
    let mut serials = which.select(&folder, now, would_change, USABLE)?;
    which.check(&serials)?;
    if !hold && !serials.is_empty() {
        args.confirmation
            .ask(&format!("Nobody can undo this revocation: certificate {}.", names(&serials)))?;
        // Meanwhile a certificate can be renewed.
        let asked = mem::replace(&mut serials, which.select(&folder, clock::now()?, would_change, USABLE)?);
        if !which.all && serials != asked {
            return Err(CliError::new(
                Exit::Failed,
                format_args!(
                    "the certificates to revoke have changed since the question: {}",
                    names(&serials)
                ),
                "nothing was revoked; run the command again",
            ));
        }
    }
    if serials.is_empty() {
        output::say("nothing has changed: each certificate has ended, or is in this state already");
    }
    change(&folder, &serials, args.reason, clock::now()?, args.json)
}

pub(super) fn unhold(args: &UnholdArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let now = clock::now()?;
    let held = |record: &CertificateRecord| {
        record.revocation.is_some_and(|revocation| revocation.reason == RevocationReason::CertificateHold)
    };
    let serials = args.which.select(&folder, now, held, HELD)?;
    args.which.check(&serials)?;
    if serials.is_empty() {
        return Err(args.which.nothing(&folder, HELD));
    }
    change(&folder, &serials, RevocationReason::RemoveFromHold, now, args.json)
}

impl Which {
    /// The serial numbers. Of a subject, the certificates that can be used or renewed, and that are `wanted`. Without
    /// `--all`, those that are revoked for good already are left out if there are others. If there is none, the error says
    /// that no certificate `is` so.
    fn select(
        &self,
        folder: &CaFolder,
        now: UnixTime,
        wanted: impl Fn(&CertificateRecord) -> bool,
        is: &str,
    ) -> Result<Vec<Serial>, CliError> {
        let Some(subject) = &self.subject else { return Ok(self.serial.clone()) };
        let mut alive = records(storage(folder).reader()?.as_mut(), subject)?;
        let end = |record: &CertificateRecord| record.validity.not_after().get();
        alive.retain(|record| end(record).saturating_add(self.renewal_grace.as_secs()) >= now.get());
        if alive.is_empty() {
            return Err(self.nothing(folder, is));
        }
        alive.retain(wanted);
        let is_final = |record: &CertificateRecord| {
            record.revocation.is_some_and(|now| now.reason != RevocationReason::CertificateHold)
        };
        if !self.all && !alive.iter().all(is_final) {
            alive.retain(|record| !is_final(record));
        }
        Ok(alive.iter().map(|record| record.serial).collect())
    }

    /// Refuses several certificates of a subject without `--all`.
    fn check(&self, serials: &[Serial]) -> Result<(), CliError> {
        match (&self.subject, serials) {
            (Some(subject), [_, _, ..]) if !self.all => Err(CliError::new(
                Exit::Failed,
                format_args!(
                    "{subject} has several certificates that have not ended or can still be renewed: {}",
                    names(serials)
                ),
                "give --all, or one of them with --serial",
            )),
            _ => Ok(()),
        }
    }

    /// The error for a subject without a certificate that `is`, for example, on hold.
    fn nothing(&self, folder: &CaFolder, is: &str) -> CliError {
        let (subject, dir) =
            (self.subject.as_ref().map_or("", |id| id.as_id().as_str()), quoted(folder.path()));
        CliError::new(
            Exit::Failed,
            format_args!("no certificate of the subject {subject} {is}"),
            format!("see its certificates: minipki ca list --dir {dir} --subject {subject}"),
        )
    }
}

fn names(serials: &[Serial]) -> String {
    serials.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
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
    let done = done(outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()));
    for (record, _) in done.iter().filter(|(_, changed)| *changed) {
        let details = format!("certificate {}, {reason}, revocation number {}", record.serial, record.number);
        acted(folder, "change a revocation", &details);
    }
    if as_json {
        output::json(
            &done.iter().map(|(record, changed)| object(record, *changed)).collect::<Vec<_>>().into(),
        )?;
    }
    done.iter().for_each(|(record, changed)| output::say(sentence(record, *changed)));
    match outcomes.into_iter().find_map(Result::err) {
        None => Ok(()),
        Some(error) => Err(CliError::from_diagnostic(Exit::Failed, error)),
    }
}

/// The newest record of each certificate that a change was about, or that was revoked with it for the same key; and
/// whether it was changed.
fn done<'o>(outcomes: impl Iterator<Item = &'o RevocationOutcome>) -> Vec<(&'o RevocationRecord, bool)> {
    let mut done: Vec<(&RevocationRecord, bool)> = Vec::new();
    for outcome in outcomes {
        let of_outcome = [(&outcome.record, outcome.changed)].into_iter();
        for (record, changed) in of_outcome.chain(outcome.same_key.iter().map(|record| (record, true))) {
            // A change can be about a certificate that an earlier change has revoked with another one.
            if changed || done.iter().all(|(known, _)| known.serial != record.serial) {
                done.push((record, changed));
            }
        }
    }
    done
}

fn sentence(record: &RevocationRecord, changed: bool) -> String {
    let (serial, before) = (record.serial, if changed { "" } else { " already" });
    match record.reason {
        RevocationReason::RemoveFromHold => format!("certificate {serial} is not on hold any more"),
        RevocationReason::CertificateHold => format!("certificate {serial} is{before} on hold"),
        reason => format!("certificate {serial} is{before} revoked since {} (reason: {reason})", record.time),
    }
}

fn object(record: &RevocationRecord, changed: bool) -> Value {
    json!({
        "changed": changed,
        "changed_at": record.time.to_string(),
        "reason": record.reason.name(),
        "revocation_number": record.number,
        "serial_hex": super::list::serial_hex(record.serial),
        "serial_number": record.serial.to_u64(),
    })
}
