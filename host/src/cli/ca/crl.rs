//! `minipki ca crl`: the list of revoked certificates for readers of X.509.

use std::time::Duration;

use clap::Args;
use minipki_core::encoding::pem;
use minipki_core::keys::Fingerprint;

use super::super::out_file::OutFile;
use super::super::values::{duration, fingerprint};
use super::super::{CliError, output};
use super::KeyFolder;
use minipki_ca::{SignedList, is_crl};
use minipki_server::state::crl;

/// The label of a list in PEM (RFC 7468 §6).
const LABEL: &str = "X509 CRL";

/// Print the list of the revoked certificates (CRL), which other programs read
///
/// The list has the certificates by all keys of the CA, also those in JSON. A reader wants it from the key that has signed the certificate:
/// after a change of the CA's key, make one with each key.
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca crl --dir my-ca --out ca.crl\n  \
openssl verify -crl_check -CAfile ca.pem -CRLfile ca.crl www.pem")]
pub(in crate::cli) struct CrlArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The key that signs the list, by its fingerprint; without it, the present key
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    key: Option<Fingerprint>,
    /// The number of the list, from 0, if the CA has several (--crl-shards of `minipki ca init`)
    #[arg(long, value_name = "NUMBER")]
    shard: Option<u32>,
    /// The time for which the list can be used: a number and s, m, h, d, w or y
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    lifetime: Duration,
    /// Write DER; without it, PEM
    #[arg(long)]
    der: bool,
    #[command(flatten)]
    out: OutFile,
}

pub(super) fn run(args: &CrlArgs) -> Result<(), CliError> {
    args.out.check("a list of revoked X.509 certificates", |content| {
        content.starts_with(b"-----BEGIN X509 CRL-----") || is_crl(content)
    })?;
    let folder = args.folder.open()?;
    let list = crl(&folder, args.key, args.shard, args.lifetime.as_secs())?;
    let SignedList { content: der, entries, number, next_update, .. } = list;
    output::say(format_args!(
        "Certificates that are revoked or on hold: {entries}.\n\
         The revocation number is {number}. The list can be used until {next_update}."
    ));
    let content = if args.der { der } else { text(&der) };
    args.out.write(&content)
}

fn text(der: &[u8]) -> Vec<u8> {
    // Base64 and the PEM lines take less than twice the bytes plus 100.
    let mut room = vec![0; 2 * der.len() + 100];
    pem::encode(LABEL, der, &mut room).unwrap_or_default().as_bytes().to_vec()
}
