//! `minipki ca check`: checks the CA's folder.

use std::path::PathBuf;

use clap::Args;
use minipki_core::trust::Serial;
use serde_json::json;

use super::super::passphrase_args::PassphraseArgs;
use super::super::{CliError, Exit, output};
use super::list::serial_hex;
use minipki_os::clock;
use minipki_os::files;
use minipki_server::state::{self, Finding};

/// Check the CA's files, its ledger and each certificate in it, also while the CA serves
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca check --dir my-ca\n\n\
The exit code is 1 if a check fails. An encrypted key is opened only if its passphrase is given. The content of the ledger is not changed. The files ledger.sqlite-wal and\n\
ledger.sqlite-shm of the ledger may remain. A million certificates take about two minutes.")]
pub(in crate::cli) struct CheckArgs {
    /// The CA's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<(), CliError> {
    let now = clock::now()?;
    let passphrase = args.passphrase.given()?;
    let report = output::with_spinner("checking the ledger", || state::check(&args.dir, passphrase, now));
    if args.json {
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|Finding { check, good, seen, next }| {
                json!({ "check": check, "good": good, "next": next, "seen": seen })
            })
            .collect();
        let rows: Vec<_> = report
            .bad_rows
            .iter()
            .map(|row| {
                let serial_hex = row.serial.map(serial_hex);
                let serial_number = row.serial.and_then(Serial::to_u64);
                json!({ "row": row.id, "serial_hex": serial_hex, "serial_number": serial_number, "wrong": row.what })
            })
            .collect();
        output::json(&json!({ "bad_rows": rows, "findings": findings, "good": report.is_good() }))?;
    } else {
        output::data(|out| {
            for Finding { check, good, seen, next } in &report.findings {
                let good = if *good { "good" } else { "BAD" };
                let next = next.as_ref().map_or_else(String::new, |next| format!("; {next}"));
                writeln!(out, "{good:<5} {check:<13} {seen}{next}")?;
            }
            report.bad_rows.iter().try_for_each(|row| writeln!(out, "BAD   certificate   {row}"))
        })?;
    }
    if report.is_good() {
        return Ok(());
    }
    let mut next = "repair the failed parts above".to_owned();
    if report.needs_backup {
        let folder = files::quoted(&args.dir);
        next.push_str(&format!(", or restore a backup: minipki ca restore --from FILE --dir {folder}"));
    }
    Err(CliError::new(Exit::Failed, format_args!("{} is not sound", args.dir.display()), next))
}
