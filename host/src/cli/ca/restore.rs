//! `minipki ca restore`: a backup put back.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::{CliError, output, progress};
use minipki_os::clock;
use minipki_os::files;
use minipki_server::state::{self, RestoreOptions};

/// Put a backup back: into a new folder, or into the CA's own, where something is lost or damaged
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca restore --from my-ca-2026-11-27.tar --dir my-ca\n\n\
In the CA's own folder it puts back only what is lost or damaged. A sound ledger stays unless --replace is given.\n\
Certificates that the CA has issued after the backup are not in it: they stay valid, and the CA does not know them.\n\
A file that is replaced is kept under another name. Never serve the restored CA and the original side by side.")]
pub(in crate::cli) struct RestoreArgs {
    /// The file that `minipki ca backup` made
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The folder: a new or empty one, or that of the same CA
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Keep the tokens of the backup good, also those that have been used since
    #[arg(long)]
    keep_tokens: bool,
    /// Replace a ledger that is sound
    #[arg(long)]
    replace: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RestoreArgs) -> Result<(), CliError> {
    let now = clock::now()?;
    let options = RestoreOptions { keep_tokens: args.keep_tokens, replace: args.replace };
    let restored =
        progress::during("checking the backup", || state::restore(&args.from, &args.dir, options, now))?;
    let revoked = if args.keep_tokens { 0 } else { restored.live_tokens };
    let names: Vec<_> = restored.files.iter().map(|(name, _)| *name).collect();
    if args.json {
        output::json(&json!({
            "certificates": restored.certificates,
            "created": restored.created.to_string(),
            "fingerprint_sha256": restored.fingerprint.to_string(),
            "issuer_id": restored.issuer_id.as_id().as_str(),
            "kept_ledger": restored.kept_ledger,
            "put_back": names,
            "replaced_file": restored.replaced.as_ref().map(|path| path.display().to_string()),
            "revoked_tokens": revoked,
        }))?;
    }
    if restored.kept_ledger {
        output::say(format_args!(
            "{} holds the CA {} again: {} put back. Its ledger with {} certificates is sound, and has stayed.",
            args.dir.display(),
            restored.issuer_id,
            names.join(", "),
            restored.certificates,
        ));
    } else {
        output::say(format_args!(
            "{} holds the CA {} as it was at {}, with {} certificates.\n\
             What it has issued after that time is not in its ledger: those names can be given again.",
            args.dir.display(),
            restored.issuer_id,
            restored.created,
            restored.certificates,
        ));
    }
    match (restored.live_tokens, args.keep_tokens) {
        (0, _) => {}
        (count, true) => output::say(format_args!(
            "{count} tokens of that time are good, also those of them that have been used since."
        )),
        (count, false) => output::say(format_args!(
            "{count} tokens of that time are revoked, since they may have been used: make new ones."
        )),
    }
    let asides = restored.files.into_iter().filter_map(|(name, aside)| Some((name, aside?)));
    for (name, path) in restored.replaced.map(|path| (minipki_ledger::FILE, path)).into_iter().chain(asides) {
        output::say(format_args!("The {name} that was there is now {}.", path.display()));
    }
    output::say(format_args!("Next, serve it:\n  minipki ca serve --dir {}", files::quoted(&args.dir)));
    Ok(())
}
