//! `minipki verify`: verifies a certificate against an anchor.

use std::path::PathBuf;

use minipki_core::cert::{self, Certificate};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationCheck, Verified};
use serde_json::json;

use super::{CliError, advice, output};
use minipki_client::read_anchor;
use minipki_os::clock;
use minipki_provider::HostProvider;

/// Verify a certificate against the trusted CA
#[derive(clap::Args)]
#[command(after_help = "Example:\n  minipki verify --anchor my-ca/anchor.json alice/certificate.json")]
pub(super) struct Args {
    /// The trusted CA, as `minipki ca init` writes it into its folder
    #[arg(long, value_name = "FILE")]
    anchor: PathBuf,
    /// Verify for this time, YYYY-MM-DDTHH:MM:SS+00:00, instead of now
    #[arg(long, value_name = "TIME")]
    at: Option<UnixTime>,
    /// Print JSON, also for a refused certificate
    #[arg(long)]
    json: bool,
    /// The certificate
    file: PathBuf,
}

pub(super) fn run(args: &Args, provider: HostProvider) -> Result<(), CliError> {
    let anchor = read_anchor(&args.anchor)?;
    let text = output::read(&args.file)?;
    let at = args.at.map_or_else(clock::now, Ok)?;
    let verdict = Certificate::parse(&text).and_then(|certificate| {
        cert::verify(provider, &anchor, &certificate, Now::Exact(at), RevocationCheck::NotChecked)
    });
    match &verdict {
        Ok(verified) if args.json => json_verdict(verified, at)?,
        Ok(verified) => show(verified, at)?,
        Err(error) if args.json => output::json(&json!({ "error": error.to_string(), "valid": false }))?,
        Err(_) => {}
    }
    verdict.map(drop).map_err(|error| advice::certificate(&error).with(args.file.display()))
}

fn json_verdict(verified: &Verified<Certificate<'_>>, at: UnixTime) -> Result<(), CliError> {
    let certificate = verified.certificate();
    output::json(&json!({
        "at": at.to_string(),
        "issuer_id": certificate.issuer_id().as_str(),
        "not_after": certificate.validity().not_after().to_string(),
        "serial_number": certificate.serial_number().to_u64(),
        "subject_id": certificate.subject_id().as_str(),
        "valid": true,
    }))
}

fn show(verified: &Verified<Certificate<'_>>, at: UnixTime) -> Result<(), CliError> {
    let certificate = verified.certificate();
    output::data(|out| {
        writeln!(out, "valid at {at}")?;
        writeln!(out, "  subject        {}", certificate.subject_id())?;
        writeln!(out, "  serial number  {}", certificate.serial_number())?;
        writeln!(out, "  valid until    {}", certificate.validity().not_after())?;
        writeln!(out, "  form           canonical, every field well formed")?;
        writeln!(out, "  issuer         {}: the anchor's name and key", certificate.issuer_id())?;
        writeln!(out, "  signature      RSASSA-PSS, made with the anchor's key")
    })
}
