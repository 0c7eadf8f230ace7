//! `minipki ca backup`: the whole CA in one file.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::{CliError, output, progress};
use super::Folder;
use minipki_os::clock;
use minipki_os::files;
use minipki_server::state;

/// Write a backup of the CA, also while it serves: key, anchor and ledger in one file
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca backup --dir my-ca --to my-ca-2026-11-27.tar\n\n\
The file is a tar archive of mode 0600 with SHA-256 checksums. It holds the CA's private key: keep it as safe as\n\
the folder. `minipki ca restore` puts it back.")]
pub(in crate::cli) struct BackupArgs {
    #[command(flatten)]
    folder: Folder,
    /// The file to make; nothing that exists is overwritten
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &BackupArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let now = clock::now()?;
    let backup = progress::during("copying the ledger", || state::backup(&folder, &args.to, now))?;
    if args.json {
        output::json(&json!({
            "backup_file": args.to.display().to_string(),
            "created": now.to_string(),
            "fingerprint_sha256": folder.fingerprint().to_string(),
            "issuer_id": folder.issuer_id().as_str(),
            "size_bytes": backup.size,
        }))?;
    }
    output::say(format_args!(
        "{} holds the CA {} as it was at {now}, with its private key: keep it as safe as the CA itself.\n\
         To put it back:\n  minipki ca restore --from {} --dir DIR",
        args.to.display(),
        folder.issuer_id(),
        files::quoted(&args.to),
    ));
    Ok(())
}
