//! `minipki ca passphrase`: changes the passphrase of the CA's key.

use clap::Args;

use super::super::CliError;
use super::super::passphrase::say_changed;
use super::super::passphrase_args::NewPassphraseArgs;
use super::KeyFolder;
use minipki_server::state;

/// Encrypt the CA's private keys, change their passphrase, or remove it; also while the CA serves
///
/// All keys of the CA have one passphrase. A process that has opened them is not affected. Each file is replaced as a
/// whole: after a crash it opens with the old or with the new passphrase, and the same command completes the change.
/// Backups that were made before still open with the old passphrase.
#[derive(Args)]
#[command(after_help = "Examples:
  minipki ca passphrase --dir my-ca
  minipki ca passphrase --dir my-ca --passphrase-file old.txt --new-passphrase-file new.txt
  minipki ca passphrase --dir my-ca --remove

OpenSSL reads the encrypted key: openssl pkey -in my-ca/ca-key.pem -noout -check")]
pub(in crate::cli) struct ChangeArgs {
    #[command(flatten)]
    folder: KeyFolder,
    #[command(flatten)]
    new: NewPassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ChangeArgs) -> Result<(), CliError> {
    // A change of the key leaves the files of two keys.
    let folder = state::finish_rollover(&args.folder.open()?)?.folder;
    // A wrong passphrase is found before the new one is typed.
    folder.check_key()?;
    let new = args.new.passphrase()?;
    folder.change_passphrase(new.as_ref())?;
    say_changed(&args.folder.key_file(), new.is_some(), args.json)
}
