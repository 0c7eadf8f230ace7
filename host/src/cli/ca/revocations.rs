//! `minipki ca revocations`: the signed list of revoked certificates.

use std::time::Duration;

use clap::Args;
use minipki_core::keys::Fingerprint;
use serde_json::Value;

use super::super::out_file::OutFile;
use super::super::values::{duration, fingerprint};
use super::super::{CliError, Exit, output};
use super::KeyFolder;
use minipki_ca::ports::Storage;
use minipki_ca::{SignedList, sign_revocation_list};
use minipki_keys::SignerKind;
use minipki_os::clock;
use minipki_server::state::storage;

/// Print the signed list of the revoked certificates of one key of the CA, as JSON
///
/// The list is canonical JSON with the signature of that key. Anyone can pass it on. `minipki verify --revocations FILE`
/// verifies a certificate against it.
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca revocations --dir my-ca --out revocations.json")]
pub(in crate::cli) struct RevocationsArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The key that has signed the certificates, by its fingerprint; without it, the present key
    #[arg(long, value_name = "HEX|WORDS", value_parser = fingerprint)]
    key: Option<Fingerprint>,
    /// The time for which the list can be used: a number and s, m, h, d, w or y
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = duration)]
    lifetime: Duration,
    #[command(flatten)]
    out: OutFile,
}

pub(super) fn run(args: &RevocationsArgs) -> Result<(), CliError> {
    args.out.check("a list of revoked certificates", |text| {
        serde_json::from_slice::<Value>(text).is_ok_and(|object| object["type"] == "revocation_list")
    })?;
    let folder = args.folder.open()?;
    // The ledger first: its error tells of an unfinished change of the key.
    let (mut reader, now) = (storage(&folder).reader()?, clock::now()?);
    let key = args.key.unwrap_or(folder.fingerprint());
    let mut signer = folder.signer_of(key, SignerKind::default())?;
    let lifetime = args.lifetime.as_secs();
    let list = sign_revocation_list(folder.issuer_id(), signer.as_mut(), reader.as_mut(), lifetime, now)
        .map_err(|error| CliError::from_diagnostic(Exit::Failed, error))?;
    let SignedList { content: list, entries, number, next_update, .. } = list;
    output::say(format_args!(
        "Certificates of the key {key} that are revoked or on hold: {entries}.\n\
         The revocation number is {number}. The list can be used until {next_update}."
    ));
    args.out.write(&list)
}
