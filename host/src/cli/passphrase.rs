//! `minipki passphrase`: changes the passphrase of an identity's key.

use serde_json::json;

use super::passphrase_args::{IdentityArgs, NewPassphraseArgs};
use super::{CliError, output};
use minipki_client::{change_passphrase, refuse_ca_folder};

/// Encrypt an identity's private key, change its passphrase, or remove it
///
/// A program that has opened the key is not affected. The file is replaced as a whole: after a crash it opens with the
/// old or with the new passphrase. Copies of the file that were made before still open with the old passphrase.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki passphrase --identity alice
  minipki passphrase --identity alice --passphrase-file old.txt --new-passphrase-file new.txt
  minipki passphrase --identity alice --remove

OpenSSL reads the encrypted key: openssl pkey -in alice/key.pem -pubout")]
pub(super) struct Args {
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    new: NewPassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let folder = &args.identity.folder;
    refuse_ca_folder(folder)?;
    let old = args.identity.passphrase.for_key(&args.identity.key_file())?;
    // A wrong passphrase is found before the new one is typed.
    minipki_client::read_key(Default::default(), &args.identity.key_file(), old.as_ref())?;
    let new = args.new.passphrase()?;
    change_passphrase(folder, old.as_ref(), new.as_ref())?;
    say_changed(&args.identity.key_file(), new.is_some(), args.json)
}

/// Says how the key file is stored now.
pub(super) fn say_changed(key: &std::path::Path, encrypted: bool, as_json: bool) -> Result<(), CliError> {
    if as_json {
        output::json(&json!({ "encrypted": encrypted, "key_file": key.to_string_lossy() }))?;
    }
    let key = key.display();
    if encrypted {
        output::say(format_args!("{key} is encrypted with the new passphrase. Without it the key is lost."));
    } else {
        output::say(format_args!("{key} is not encrypted. Everybody who can read the file has the key."));
    }
    Ok(())
}
