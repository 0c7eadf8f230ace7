//! `minipki ca ocsp`: answers one OCSP request.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use minipki_core::x509::ocsp::{OcspResponse, OcspStatus};

use super::super::out_file::OutFile;
use super::super::values::duration;
use super::super::{CliError, output};
use super::KeyFolder;
use minipki_ca::OCSP_LIFETIMES;
use minipki_server::state::ocsp;

/// Answer one OCSP request about certificates of this CA, with its own key
///
/// The request and the response are files in DER. A server of the CA is not needed.
#[derive(Args)]
#[command(
    after_help = "Example:\n  openssl ocsp -issuer ca.pem -cert www.pem -no_nonce -reqout request.der\n  \
minipki ca ocsp --dir my-ca --request request.der --out response.der\n  \
openssl ocsp -issuer ca.pem -cert www.pem -no_nonce -CAfile ca.pem -respin response.der"
)]
pub(in crate::cli) struct OcspArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The file of the request
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The time for which the answer can be used, from 60s to 7d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = ocsp_lifetime)]
    lifetime: Duration,
    #[command(flatten)]
    out: OutFile,
}

/// Parses the lifetime of an answer.
pub(super) fn ocsp_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration(text)?;
    if OCSP_LIFETIMES.contains(&lifetime.as_secs()) {
        return Ok(lifetime);
    }
    Err("an answer by OCSP can be used from 60s to 7d".to_owned())
}

pub(super) fn run(args: &OcspArgs) -> Result<(), CliError> {
    args.out.check("an OCSP response", |content| OcspResponse::parse(content).is_ok())?;
    let request = output::read(&args.request)?;
    let folder = args.folder.open()?;
    let answer = ocsp(&folder, &request, args.lifetime.as_secs())?;
    if answer.status != OcspStatus::Successful {
        output::say(format_args!("The response has no answer: {}.", answer.status.name()));
    }
    args.out.write(&answer.der)
}
