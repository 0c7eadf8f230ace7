//! `minipki ca sign`: a certificate of a TLS server or client, by a certification request.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use minipki_core::cert::IdBuf;
use minipki_core::encoding::pem::{self, PemError};
use minipki_core::x509::Certificate;

use super::super::out_file::OutFile;
use super::super::{CliError, Exit, output};
use super::certificate::is_certificate;
use super::{KeyFolder, acted, lifetime};
use minipki_ca::ports::CertificateFormat;
use minipki_ca::{AllowedName, Csr, SignRefused, SignRequest, TlsUsage};
use minipki_provider::x509;
use minipki_server::state::sign_request;

/// The labels of a certification request in PEM (RFC 7468 §7). Old programs write the second one.
const LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// Sign the certificate of a TLS server or client by a certification request (PKCS#10)
///
/// The request proves that its holder has the private key. The names in it (DNS names, IP addresses, e-mail addresses and
/// URIs) must be allowed with --allow-name. All other fields are those of the profile. Within a day, the same command gives
/// the same certificate again. This works also while the CA is served.
#[derive(Args)]
#[command(
    after_help = "Example:\n  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout www.key \
-out www.csr \\\n    -subj / -addext subjectAltName=DNS:www.example.org\n  minipki ca sign --dir my-ca --csr www.csr \
--profile tls-server --allow-name www.example.org"
)]
pub(in crate::cli) struct SignArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The certification request, in PEM or DER; - is standard input
    #[arg(long, value_name = "FILE")]
    csr: PathBuf,
    /// The kind of certificate
    #[arg(long, value_enum)]
    profile: Usage,
    /// A name that the certificate may have; .example.org allows all hosts below it, 192.0.2.0/24 all addresses in it
    #[arg(long, value_name = "NAME")]
    allow_name: Vec<AllowedName>,
    /// The common name of the certificate and the subject in the ledger; without it, the first name of the server
    #[arg(long, value_name = "ID")]
    subject: Option<IdBuf>,
    /// The lifetime: a number and s, m, h, d, w or y, from 60s to 3653d
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = lifetime)]
    validity: Duration,
    /// Write DER; without it, PEM
    #[arg(long)]
    der: bool,
    #[command(flatten)]
    out: OutFile,
}

/// The kinds of certificates.
#[derive(Clone, Copy, ValueEnum)]
enum Usage {
    /// A server
    #[value(name = "tls-server")]
    Server,
    /// A client
    #[value(name = "tls-client")]
    Client,
    /// A server that is a client of others too
    #[value(name = "tls-peer")]
    Peer,
}

impl From<Usage> for TlsUsage {
    fn from(usage: Usage) -> Self {
        match usage {
            Usage::Server => Self::Server,
            Usage::Client => Self::Client,
            Usage::Peer => Self::Peer,
        }
    }
}

pub(super) fn run(args: SignArgs) -> Result<(), CliError> {
    args.out.check("an X.509 certificate", is_certificate)?;
    let text = output::read(&args.csr)?;
    let name = output::name(&args.csr);
    let csr = Csr::parse(&der(&text).map_err(|error| error.with(&name))?, &x509::ALL)
        .map_err(|error| CliError::from_diagnostic(Exit::NotVerified, error).with(&name))?;
    let lifetime = args.validity.as_secs();
    let request =
        SignRequest::by_operator(csr, args.profile.into(), args.subject, &args.allow_name, lifetime)
            .map_err(|error: SignRefused| CliError::from_diagnostic(Exit::Refused, error))?;
    let names: Vec<_> = request.names().iter().map(ToString::to_string).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let subject = request.subject_id().to_string();
    let folder = args.folder.open()?;
    let issued = sign_request(&folder, request)?;
    if !issued.repeated {
        let details = format!("certificate {} of {subject}, names: {names}", issued.serial);
        acted(&folder, "sign a certification request", &details);
    }
    let until = Certificate::parse(&issued.certificate).map(|certificate| certificate.not_after());
    let until = until.map(|until| format!(", valid until {until}")).unwrap_or_default();
    let again = if issued.repeated { " This is the certificate of an earlier request." } else { "" };
    output::say(format_args!(
        "Certificate {} of {subject}{until}. Its names: {names}.{again}",
        issued.serial
    ));
    let content = if args.der {
        issued.certificate
    } else {
        CertificateFormat::X509.text(&issued.certificate).into_bytes()
    };
    args.out.write(&content)
}

/// The DER of a request in PEM or DER.
fn der(text: &[u8]) -> Result<Vec<u8>, CliError> {
    if !text.starts_with(b"-----BEGIN") {
        return Ok(text.to_vec());
    }
    let mut room = vec![0; text.len()];
    for label in LABELS {
        match pem::decode(label, text, &mut room) {
            Err(PemError::Label) => {}
            decoded => {
                let next = "make it again, for example with: openssl req -new";
                return Ok(decoded.map_err(|error| CliError::new(Exit::Failed, error, next))?.to_vec());
            }
        }
    }
    Err(CliError::new(
        Exit::Failed,
        "not a certification request",
        "check the path: it begins with -----BEGIN CERTIFICATE REQUEST-----",
    ))
}
