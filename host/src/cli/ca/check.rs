//! `minipki ca check`: whether everything in the CA's folder is sound.

use std::path::PathBuf;

use clap::Args;
use minipki_core::trust::Serial;
use serde_json::json;

use super::super::{CliError, Exit, output, progress};
use minipki_os::clock;
use minipki_os::files;
use minipki_server::state;

/// Check the CA's files, its ledger and each certificate in it, also while it serves
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca check --dir my-ca\n\n\
It ends with code 1 if anything is wrong. It changes nothing that is recorded. It may leave ledger.sqlite-wal and\n\
ledger.sqlite-shm, which belong to the ledger. A million certificates take about two minutes.")]
pub(in crate::cli) struct CheckArgs {
    /// The CA's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<(), CliError> {
    let now = clock::now()?;
    let report = progress::during("checking the ledger", || state::check(&args.dir, now));
    if args.json {
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|finding| json!({ "check": finding.check, "good": finding.good, "seen": finding.seen }))
            .collect();
        let rows: Vec<_> = report
            .bad_rows
            .iter()
            .map(|row| json!({ "row": row.id, "serial_number": row.serial.and_then(Serial::to_u64), "wrong": row.what }))
            .collect();
        output::json(&json!({ "bad_rows": rows, "findings": findings, "good": report.is_good() }))?;
    } else {
        output::data(|out| {
            for finding in &report.findings {
                let good = if finding.good { "good" } else { "BAD" };
                writeln!(out, "{good:<5} {:<13} {}", finding.check, finding.seen)?;
            }
            report.bad_rows.iter().try_for_each(|row| writeln!(out, "BAD   certificate   {row}"))
        })?;
    }
    if report.is_good() {
        return Ok(());
    }
    let mut next = "mend what is named above".to_owned();
    if report.needs_backup {
        let folder = files::quoted(&args.dir);
        next.push_str(&format!(", or put back a backup: minipki ca restore --from FILE --dir {folder}"));
    }
    Err(CliError::new(Exit::Failed, format_args!("{} is not sound", args.dir.display()), next))
}
