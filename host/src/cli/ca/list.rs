//! `minipki ca list`: lists the issued certificates.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use minipki_core::cert::IdBuf;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use serde_json::{Value, json};

use super::super::{CliError, Exit, duration, output};
use super::Folder;
use minipki_ca::ports::{
    BadRow, CertificateRecord, CertificateState, LedgerError, LedgerReader, Page, Storage,
};
use minipki_os::files::quoted;
use minipki_server::state::storage;

/// The number of records that are read at a time, so that a long list needs no more memory.
const PAGE: usize = 500;

/// The time before its end from which a certificate is shown as expiring.
const EXPIRING: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// List the issued certificates, oldest first, with their state
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca list --dir my-ca --subject alice --json")]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    folder: Folder,
    /// List only the certificates of this subject
    #[arg(long, value_name = "NAME")]
    subject: Option<IdBuf>,
    /// List only the certificates in this state: valid, expiring, expired, not-yet-valid, held or revoked
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<CertificateState>,
    /// The time before its end in which a certificate is expiring, 30d if not given; without --state, lists only those
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expiring: Option<Duration>,
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ListArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let mut reader = storage(&folder).reader()?;
    let now = minipki_os::clock::now()?;
    let view = View { now, expiring_within: args.expiring.unwrap_or(EXPIRING).as_secs() };
    let wanted = args.state.or(args.expiring.map(|_| CertificateState::Expiring));
    let (mut failure, mut bad) = (None, Vec::new());
    let records = rows(reader.as_mut(), args.subject.as_ref(), &mut failure).filter_map(|row| match row {
        Ok(record) => wanted.is_none_or(|state| view.state(&record) == state).then_some(record),
        Err(row) => {
            bad.push(row);
            None
        }
    });
    output::data(
        |out| if args.json { print_json(out, records, view) } else { print_table(out, records, view) },
    )?;
    for row in &bad {
        output::say(row);
    }
    if let Some(error) = failure {
        return Err(error.into());
    }
    let counts = reader.counts(now)?;
    output::say(format_args!(
        "{} issued, {} of them alive, {} revoked and {} on hold; {} tokens can be used",
        counts.certificates, counts.live_certificates, counts.revoked, counts.held, counts.live_tokens
    ));
    if bad.is_empty() {
        return Ok(());
    }
    let seen = format!("{} rows of the ledger were changed from outside and are not listed", bad.len());
    let next = format!("check the whole ledger: minipki ca check --dir {}", quoted(folder.path()));
    Err(CliError::new(Exit::Failed, seen, next))
}

/// The rows of the ledger, good and bad ones. An error of the ledger ends them and is stored in `failure`.
fn rows<'r>(
    reader: &'r mut dyn LedgerReader,
    subject: Option<&'r IdBuf>,
    failure: &'r mut Option<LedgerError>,
) -> impl Iterator<Item = Result<CertificateRecord, BadRow>> + 'r {
    let mut after = 0;
    let mut page = Vec::new().into_iter();
    std::iter::from_fn(move || {
        if page.len() == 0 && failure.is_none() {
            let next = Page { subject: subject.map(IdBuf::as_id), after, limit: PAGE };
            let mut rows = Vec::new();
            *failure = reader.list_each(next, &mut rows).err();
            page = rows.into_iter();
        }
        let row: Result<CertificateRecord, BadRow> = page.next()?;
        after = match &row {
            Ok(record) => record.id,
            Err(bad) => bad.id.max(after + 1),
        };
        Some(row)
    })
}

/// The time at which the states are shown.
#[derive(Clone, Copy)]
struct View {
    now: UnixTime,
    expiring_within: u64,
}

impl View {
    fn state(self, record: &CertificateRecord) -> CertificateState {
        record.state(self.now, self.expiring_within)
    }
}

/// Parses the name of a state.
fn state(text: &str) -> Result<CertificateState, String> {
    text.parse().map_err(|()| {
        let names = CertificateState::ALL.map(CertificateState::name);
        format!("expected one of {}", names.join(", "))
    })
}

fn print_json(
    out: &mut dyn Write,
    records: impl Iterator<Item = CertificateRecord>,
    view: View,
) -> io::Result<()> {
    write!(out, "[")?;
    for (place, record) in records.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(out, "{comma}\n{}", object(&record, view))?;
    }
    writeln!(out, "\n]")
}

fn object(record: &CertificateRecord, view: View) -> Value {
    json!({
        "format": record.format.name(),
        "issued_at": record.issued.map(|time| time.to_string()),
        "not_after": record.validity.not_after().to_string(),
        "not_before": record.validity.not_before().to_string(),
        "renews_serial_number": record.renews.and_then(Serial::to_u64),
        "revocation_reason": record.revocation.map(|revocation| revocation.reason.name()),
        "revoked_at": record.revocation.map(|revocation| revocation.revoked_at.to_string()),
        "serial_hex": serial_hex(record.serial),
        "serial_number": record.serial.to_u64(),
        "state": view.state(record).name(),
        "subject_id": record.subject_id.to_string(),
        "subject_key_hex": minipki_net::trace::explain::hex(&record.subject_key),
    })
}

/// The octets of a serial number in hexadecimal, without zeros in front.
pub(super) fn serial_hex(serial: Serial) -> String {
    minipki_net::trace::explain::hex(&serial.to_be_bytes()).trim_start_matches("00").to_owned()
}

fn print_table(
    out: &mut dyn Write,
    records: impl Iterator<Item = CertificateRecord>,
    view: View,
) -> io::Result<()> {
    let row = |out: &mut dyn Write, [serial, state, issued, until, subject]: [&str; 5]| {
        writeln!(out, "{serial:<17} {state:<13} {issued:<20} {until:<20} {subject}")
    };
    row(out, ["SERIAL", "STATE", "ISSUED (UTC)", "VALID UNTIL (UTC)", "SUBJECT"])?;
    for record in records {
        let short = |time: UnixTime| time.to_string().get(..19).unwrap_or_default().replace('T', " ");
        let issued = record.issued.map_or_else(|| "not recorded".to_owned(), short);
        let (serial, until) = (record.serial.to_string(), short(record.validity.not_after()));
        let subject = record.subject_id.as_id().as_str();
        row(out, [&serial, view.state(&record).name(), &issued, &until, subject])?;
    }
    Ok(())
}
