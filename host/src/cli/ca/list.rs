//! `minipki ca list`: lists the issued certificates.

use std::io::{self, Write};

use clap::Args;
use minipki_core::cert::IdBuf;
use minipki_core::trust::Serial;
use serde_json::{Value, json};

use super::super::{CliError, Exit, output};
use super::Folder;
use minipki_ca::ports::{BadRow, CertificateRecord, LedgerError, LedgerReader, Page, Storage};
use minipki_os::files::quoted;
use minipki_server::state::storage;

/// The number of records that are read at a time, so that a long list needs no more memory.
const PAGE: usize = 500;

/// List the issued certificates, oldest first
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca list --dir my-ca --subject alice --json")]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    folder: Folder,
    /// List only the certificates of this subject
    #[arg(long, value_name = "NAME")]
    subject: Option<IdBuf>,
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ListArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let mut reader = storage(&folder).reader()?;
    let (mut failure, mut bad) = (None, Vec::new());
    let records = rows(reader.as_mut(), args.subject.as_ref(), &mut failure).filter_map(|row| match row {
        Ok(record) => Some(record),
        Err(row) => {
            bad.push(row);
            None
        }
    });
    output::data(|out| if args.json { print_json(out, records) } else { print_table(out, records) })?;
    for row in &bad {
        output::say(row);
    }
    if let Some(error) = failure {
        return Err(error.into());
    }
    let counts = reader.counts(minipki_os::clock::now()?)?;
    output::say(format_args!(
        "{} issued, {} of them not expired; {} tokens can be used",
        counts.certificates, counts.live_certificates, counts.live_tokens
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

fn print_json(out: &mut dyn Write, records: impl Iterator<Item = CertificateRecord>) -> io::Result<()> {
    write!(out, "[")?;
    for (place, record) in records.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(out, "{comma}\n{}", object(&record))?;
    }
    writeln!(out, "\n]")
}

fn object(record: &CertificateRecord) -> Value {
    json!({
        "format": record.format.name(),
        "not_after": record.validity.not_after().to_string(),
        "not_before": record.validity.not_before().to_string(),
        "serial_hex": serial_hex(record.serial),
        "serial_number": record.serial.to_u64(),
        "subject_id": record.subject_id.to_string(),
        "subject_key_hex": minipki_net::trace::explain::hex(&record.subject_key),
    })
}

/// The octets of a serial number in hexadecimal, without zeros in front.
pub(super) fn serial_hex(serial: Serial) -> String {
    minipki_net::trace::explain::hex(&serial.to_be_bytes()).trim_start_matches("00").to_owned()
}

fn print_table(out: &mut dyn Write, records: impl Iterator<Item = CertificateRecord>) -> io::Result<()> {
    let row = |out: &mut dyn Write, serial: &str, from: &str, until: &str, subject: &str| {
        writeln!(out, "{serial:<17} {from:<20} {until:<20} {subject}")
    };
    row(out, "SERIAL", "VALID FROM (UTC)", "VALID UNTIL (UTC)", "SUBJECT")?;
    for record in records {
        let short = |time: minipki_core::time::UnixTime| {
            time.to_string().get(..19).unwrap_or_default().replace('T', " ")
        };
        row(
            out,
            &record.serial.to_string(),
            &short(record.validity.not_before()),
            &short(record.validity.not_after()),
            record.subject_id.as_id().as_str(),
        )?;
    }
    Ok(())
}
