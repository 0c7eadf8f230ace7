//! `minipki ca list`: the certificates that were issued.

use std::io::{self, Write};

use clap::Args;
use minipki_core::cert::IdBuf;
use serde_json::{Value, json};

use super::super::{CliError, output};
use super::{Folder, owner};
use crate::store::{LedgerReader, Page, Record, StoreError};

/// Records read at a time: a listing needs the same memory however long it is.
const PAGE: usize = 500;

/// List the certificates that were issued, oldest first
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca list --dir my-ca --subject alice --json")]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    folder: Folder,
    /// Only those of this subject
    #[arg(long, value_name = "NAME")]
    subject: Option<IdBuf>,
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ListArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let reader = match LedgerReader::open(folder.path(), &owner(&folder)) {
        // Before the first certificate there is nothing to list, which is no error.
        Err(StoreError::Missing(_)) => None,
        other => Some(other?),
    };
    let mut fault = None;
    let records = records(reader.as_ref(), args.subject.as_ref()).map_while(|page| match page {
        Ok(record) => Some(record),
        Err(error) => {
            fault = Some(error);
            None
        }
    });
    output::data(|out| if args.json { print_json(out, records) } else { print_table(out, records) })?;
    if let Some(error) = fault {
        return Err(error.into());
    }
    if let Some(reader) = reader {
        let counts = reader.counts(crate::clock::now()?)?;
        output::say(format_args!(
            "{} issued, {} of them not expired; {} tokens can be used",
            counts.certificates, counts.live_certificates, counts.live_tokens
        ));
    }
    Ok(())
}

fn records<'r>(
    reader: Option<&'r LedgerReader>,
    subject: Option<&'r IdBuf>,
) -> impl Iterator<Item = Result<Record, StoreError>> + 'r {
    let mut after = 0;
    let mut page = Vec::new().into_iter();
    std::iter::from_fn(move || {
        if page.len() == 0 {
            let next = Page { subject: subject.map(IdBuf::as_id), after, limit: PAGE };
            match reader?.list(next) {
                Ok(records) => page = records.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
        let record: Record = page.next()?;
        after = record.id;
        Some(Ok(record))
    })
}

fn print_json(out: &mut dyn Write, records: impl Iterator<Item = Record>) -> io::Result<()> {
    write!(out, "[")?;
    for (place, record) in records.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(out, "{comma}\n{}", object(&record))?;
    }
    writeln!(out, "\n]")
}

fn object(record: &Record) -> Value {
    json!({
        "not_after": record.validity.not_after().to_string(),
        "not_before": record.validity.not_before().to_string(),
        "serial_number": record.serial.get(),
        "subject_id": record.subject_id.to_string(),
        "subject_key_hex": crate::trace::explain::hex(&record.subject_key),
    })
}

fn print_table(out: &mut dyn Write, records: impl Iterator<Item = Record>) -> io::Result<()> {
    let row = |out: &mut dyn Write, serial: &str, from: &str, until: &str, subject: &str| {
        writeln!(out, "{serial:<17} {from:<20} {until:<20} {subject}")
    };
    row(out, "SERIAL", "VALID FROM (UTC)", "VALID UNTIL (UTC)", "SUBJECT")?;
    for record in records {
        let short = |time: minipki_core::text::UnixTime| {
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
