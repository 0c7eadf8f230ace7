//! `minipki status`: asks a CA whether a certificate is revoked.

use std::path::PathBuf;

use minipki_core::cert::{self, Status};
use minipki_core::session;
use minipki_core::trust::{CertStatus, Serial, StatusError};
use serde_json::{Value, json};

use super::ca_contact::CaArgs;
use super::passphrase_args::PassphraseArgs;
use super::{CliError, Exit, advice, output};
use minipki_client::{Identity, KEY_FILE, fetch_status, read_anchor};
use minipki_os::clock;
use minipki_provider::HostProvider;

/// Ask the CA whether a certificate is revoked
///
/// The CA signs its answer, and the answer is verified. The answer about the certificate of --identity is stored in the
/// folder too, as status.json: the identity shows it to peers. The exit code is 0 if the certificate is good, and 4
/// otherwise.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki status --identity alice
  minipki status --identity alice --serial 4890144333661952
  minipki status --anchor my-ca/anchor.json --ca 127.0.0.1:9000 --serial 4890144333661952")]
pub(super) struct Args {
    /// The folder that `minipki enroll` made: ask about its certificate, or with --serial about another one of its CA
    #[arg(long, value_name = "DIR", required_unless_present = "anchor")]
    identity: Option<PathBuf>,
    /// The serial number of another certificate
    #[arg(long, value_name = "N")]
    serial: Option<Serial>,
    /// The CA's anchor.json, instead of an identity
    #[arg(long, value_name = "FILE", conflicts_with = "identity", requires = "serial")]
    anchor: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    ca: CaArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Reads the identity, if one is given. This may wait for a person at a terminal.
    pub(super) fn identity(&self, provider: HostProvider) -> Result<Option<Identity>, CliError> {
        let Some(folder) = &self.identity else { return Ok(None) };
        let passphrase = self.passphrase.for_key(&folder.join(KEY_FILE))?;
        Ok(Some(Identity::load_genuine(provider, folder, passphrase.as_ref())?))
    }
}

pub(super) async fn run(
    args: Args,
    identity: Option<Identity>,
    provider: HostProvider,
) -> Result<(), CliError> {
    let contact = args.ca.contact(args.identity.as_deref())?;
    let (anchor, serial) = match (&identity, &args.anchor) {
        (Some(identity), _) => {
            let own = identity.serial_number();
            match args.serial {
                Some(other) if other != own => (identity.anchor().clone(), other),
                _ => (identity.issuer().clone(), own),
            }
        }
        (None, Some(file)) => {
            let serial = args
                .serial
                .ok_or_else(|| CliError::new(Exit::Usage, "no certificate is named", "give --serial N"))?;
            (read_anchor(file)?, serial)
        }
        (None, None) => return Err(CliError::new(Exit::Usage, "no CA is named", "give --identity DIR")),
    };
    // With a nonce, so that the answer is new.
    let fetched = fetch_status(&contact, provider, &anchor, serial, true).await;
    let text = fetched.map_err(|error| match error.session_error() {
        Some(session::Error::InvalidCertificate(error @ cert::Error::StatusIssuer)) => CliError::new(
            Exit::NotVerified,
            error,
            "do not trust it; if a former key of this CA has signed the certificate, ask with the identity of the \
             certificate, or use `minipki verify --revocations` with the list of that key",
        ),
        _ => error.into(),
    })?;
    let status = Status::parse(&text).map_err(|error| advice::certificate(&error))?;
    if args.json {
        output::json(&object(&status))?;
    } else {
        show(&status)?;
    }
    if let Some((identity, folder)) = identity.zip(args.identity.as_deref())
        && identity.serial_number() == serial
    {
        if let Err(error) = identity.check_time(clock::now()?) {
            output::say(error);
        }
        identity.refresh_status(&contact, folder).await?;
    }
    match status.status() {
        CertStatus::Good => Ok(()),
        CertStatus::Revoked(revocation) => Err(advice::status(&StatusError::Revoked(revocation))),
        CertStatus::Unknown => Err(advice::status(&StatusError::Unknown)),
    }
}

fn object(status: &Status<'_>) -> Value {
    let mut object = json!({
        "issuer_id": status.issuer_id().as_str(),
        "next_update": status.next_update().to_string(),
        "revocation_number": status.number(),
        "serial_number": status.serial_number().to_u64(),
        "status": status.status().name(),
        "this_update": status.this_update().to_string(),
    });
    if let CertStatus::Revoked(revocation) = status.status() {
        object["reason"] = revocation.reason.name().into();
        object["revoked_at"] = revocation.revoked_at.to_string().into();
    }
    object
}

fn show(status: &Status<'_>) -> Result<(), CliError> {
    output::data(|out| {
        writeln!(out, "{}", status.status().name())?;
        writeln!(out, "  serial number      {}", status.serial_number())?;
        if let CertStatus::Revoked(revocation) = status.status() {
            writeln!(out, "  revoked at         {}", revocation.revoked_at)?;
            writeln!(out, "  reason             {}", revocation.reason)?;
        }
        writeln!(out, "  stated at          {}", status.this_update())?;
        writeln!(out, "  usable until       {}", status.next_update())?;
        writeln!(out, "  revocation number  {}", status.number())?;
        writeln!(out, "  issuer             {}: the issuer of the certificate", status.issuer_id())?;
        writeln!(out, "  signature          RSASSA-PSS, made with the key that signed the certificate")
    })
}
