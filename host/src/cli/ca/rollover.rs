//! `minipki ca rollover`: changes the CA's key.

use clap::Args;
use serde_json::json;

use super::super::confirm::ConfirmArgs;
use super::super::{CliError, output};
use super::init::{Bits, passphrase_command};
use super::{KeyFolder, acted};
use minipki_core::crypto::rsa::KeySize;
use minipki_os::files;
use minipki_server::state::{self, Finished, RolledOver};

/// Change the CA's key: a new key signs new certificates, and the old one keeps its own; while the CA does not serve
///
/// The old key signs the change, so clients and devices that trust it follow to the new key. Certificates of the old key
/// stay valid until they end, and can be renewed and revoked. Nobody has to enrol again.
#[derive(Args)]
#[command(after_help = "Examples:
  minipki ca rollover --dir my-ca
  minipki ca rollover --dir my-ca --bits 3072

The old key stays in the folder: it signs the status of its certificates, and their revocation list. The new key has
the passphrase of the old one. After an interruption, the same command continues.

A client keeps four former keys, and one answer of the CA states the changes that fit into it: four with keys of 2048
bits, three with 3072, two with 4096. A change that would cut off a key whose certificates have not ended is refused.

The change is no help against a thief of the old key. The thief can sign a change too. Then make a new CA.")]
pub(in crate::cli) struct RolloverArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The size of the new RSA key in bits; without it, the size of the present key
    #[arg(long, value_enum)]
    bits: Option<Bits>,
    /// Only complete a change that was interrupted after it was recorded; needs no passphrase
    #[arg(long, conflicts_with = "bits")]
    finish: bool,
    #[command(flatten)]
    confirmation: ConfirmArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RolloverArgs) -> Result<(), CliError> {
    if args.finish {
        let folder = args.folder.folder.open()?;
        return match state::finish_rollover(&folder)? {
            Finished { folder, former: Some(former) } => {
                report(args, &RolledOver { folder, former, continued: true })
            }
            Finished { folder, former: None } => {
                if args.json {
                    let fingerprint = folder.fingerprint().to_string();
                    output::json(&json!({ "changed": false, "fingerprint_sha256": fingerprint }))?;
                }
                output::say("No change of the key is unfinished, and nothing was done.");
                Ok(())
            }
        };
    }
    let folder = args.folder.open()?;
    args.confirmation.ask(&format!(
        "Nobody can undo this change: new certificates of the CA {} have a new key, and no earlier backup has it.",
        folder.issuer_id()
    ))?;
    let size = args.bits.map(KeySize::from);
    let changed = output::with_spinner("making the RSA key", || state::rollover(&folder, size))?;
    args.folder.passphrase.warn_if_plain(&args.folder.key_file(), &passphrase_command(folder.path()));
    report(args, &changed)
}

fn report(args: &RolloverArgs, changed: &RolledOver) -> Result<(), CliError> {
    let RolledOver { folder, former, continued } = changed;
    let (present, dir) = (folder.fingerprint(), files::quoted(folder.path()));
    let bits = folder.anchor().key().map(|key| key.size().bits());
    acted(folder, "change the CA key", &format!("from {former} to {present}"));
    if args.json {
        output::json(&json!({
            "bits": bits,
            "changed": true,
            "continued": continued,
            "fingerprint_sha256": present.to_string(),
            "former_fingerprint_sha256": former.to_string(),
            "issuer_id": folder.issuer_id().as_str(),
        }))?;
    } else {
        output::data(|out| writeln!(out, "{present}"))?;
    }
    let what = if *continued { "An interrupted change of the key is complete" } else { "The key is changed" };
    output::say(format_args!(
        "{what}. The CA {} had the key\n  {former}\nand has the new key above.\n\
         Next, make a backup now: no earlier one has the new key.\n  \
         minipki ca backup --dir {dir} --to FILE\n\
         Start the CA again:\n  minipki ca serve --dir {dir}\n\
         Clients follow at their next renewal, or with:\n  minipki anchors --identity DIR --update\n\
         Give new clients the new anchor.json of this folder.",
        folder.issuer_id(),
    ));
    Ok(())
}
