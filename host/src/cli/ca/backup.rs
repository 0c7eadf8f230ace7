//! `minipki ca backup` and `minipki ca restore`: writes the whole CA into one file, and restores it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::passphrase_args::PassphraseArgs;
use super::super::values::new_file;
use super::super::{CliError, output};
use super::KeyFolder;
use minipki_client::ExpectedFile;
use minipki_os::clock;
use minipki_os::files;
use minipki_server::state::{self, RestoreOptions};

/// Write a backup of the CA into one file: keys, anchor and ledger; also while the CA serves
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca backup --dir my-ca --to my-ca-2026-11-27.tar\n\n\
The file is a tar archive of mode 0600 with SHA-256 checksums. It contains the CA's private keys: protect it\n\
like the folder. `minipki ca restore` restores it. Make a new backup after each `minipki ca rollover`.\n\n\
An encrypted key stays encrypted in the backup. It is opened and checked only if its passphrase is given.")]
pub(in crate::cli) struct BackupArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The file to create; an existing file is never overwritten
    #[arg(long, value_name = "FILE", value_parser = new_file())]
    to: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Restore a backup into a new folder, or into the CA's own folder if something is lost or damaged
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca restore --from my-ca-2026-11-27.tar --dir my-ca\n\n\
In the CA's own folder only lost or damaged files are restored. A sound ledger is kept unless --replace is given.\n\
Certificates that the CA has issued after the backup stay valid, but the restored CA does not know them.\n\
A backup from before a change of the CA's key is refused in the folder that has the change.\n\
A replaced file is kept under another name. An encrypted key has the passphrase of the time of the backup. It is\n\
opened and checked only if its passphrase is given. Never serve the restored CA and the original at the same time.")]
pub(in crate::cli) struct RestoreArgs {
    /// The file that `minipki ca backup` made
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// A new or empty folder, or the folder of the same CA
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Keep the tokens of the backup valid, also those that have been used since
    #[arg(long)]
    keep_tokens: bool,
    /// Replace a sound ledger too
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn backup(args: &BackupArgs) -> Result<(), CliError> {
    let folder = args.folder.open_quietly()?;
    let now = clock::now()?;
    let backup = output::with_spinner("copying the ledger", || state::backup(&folder, &args.to, now))?;
    if args.json {
        output::json(&json!({
            "backup_file": args.to.display().to_string(),
            "created": now.to_string(),
            "fingerprint_sha256": folder.fingerprint().to_string(),
            "issuer_id": folder.issuer_id().as_str(),
            "key_checked": backup.key_checked,
            "size_bytes": backup.size,
        }))?;
    }
    output::say(format_args!(
        "{} has the CA {} in its state of {now}, with its private key: protect it like the CA itself.\n\
         To restore it:\n  minipki ca restore --from {} --dir DIR",
        args.to.display(),
        folder.issuer_id(),
        files::quoted(&args.to),
    ));
    if !backup.key_checked {
        output::say(
            "The key is encrypted, and was not opened: the backup is worth nothing without its passphrase.\n\
             To check the key too, give --passphrase-file FILE.",
        );
    }
    Ok(())
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), CliError> {
    output::check_kind(&args.from, ExpectedFile::Backup)?;
    let now = clock::now()?;
    let passphrase = args.passphrase.given()?;
    let options = RestoreOptions {
        keep_tokens: args.keep_tokens,
        replace: args.replace,
        passphrase: passphrase.as_ref(),
    };
    let restored =
        output::with_spinner("checking the backup", || state::restore(&args.from, &args.dir, options, now))?;
    let revoked = if args.keep_tokens { 0 } else { restored.live_tokens };
    let names: Vec<_> = restored.files.iter().map(|(name, _)| name.as_str()).collect();
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
            "{} has the CA {} again: {} restored. Its ledger with {} certificates is sound and was kept.",
            args.dir.display(),
            restored.issuer_id,
            names.join(", "),
            restored.certificates,
        ));
    } else {
        output::say(format_args!(
            "{} has the CA {} in its state of {}, with {} certificates.\n\
             Later certificates are not in its ledger, so their names can be certified again.\n\
             Later revocations are not in its ledger: revoke those certificates again.",
            args.dir.display(),
            restored.issuer_id,
            restored.created,
            restored.certificates,
        ));
    }
    match (restored.live_tokens, args.keep_tokens) {
        (0, _) => {}
        (count, true) => output::say(format_args!(
            "{count} tokens of the backup are valid, also those that have been used since."
        )),
        (count, false) => output::say(format_args!(
            "{count} tokens of the backup are revoked, since they may have been used: make new ones."
        )),
    }
    let asides = restored.files.into_iter().filter_map(|(name, aside)| Some((name, aside?)));
    let ledger = restored.replaced.map(|path| (minipki_ledger::FILE.to_owned(), path));
    for (name, path) in ledger.into_iter().chain(asides) {
        output::say(format_args!("The replaced {name} is now {}.", path.display()));
    }
    output::say(format_args!("Next, serve it:\n  minipki ca serve --dir {}", files::quoted(&args.dir)));
    Ok(())
}
