//! `minipki ca certificate`: the X.509 certificate of the CA.

use std::time::Duration;

use clap::Args;
use minipki_core::x509::Certificate;

use super::super::out_file::OutFile;
use super::super::values::duration;
use super::super::{CliError, output};
use super::{KeyFolder, acted};
use minipki_ca::ports::CertificateFormat;
use minipki_ca::{CaCertificateOptions, CaCertificates, IpNetwork, Permitted};
use minipki_server::state::x509_certificates;

/// Print the CA's X.509 certificate, which other programs trust
///
/// The first call makes the certificate and records it. It stays the same until the CA's key changes. Give the options for
/// its fields at the first call, or not at all. The certificate of a later key has the same name and name constraints.
///
/// An intermediate has the certificate that its parent has signed. Those of its issuers follow it, as
/// `minipki ca install-chain` has taken them.
#[derive(Args)]
#[command(after_help = "Examples:\n  minipki ca certificate --dir my-ca --out ca.pem\n  \
minipki ca certificate --dir my-ca --organization ACME --permitted-dns acme.example")]
pub(in crate::cli) struct CertificateArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The organization in the name of the CA
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The country in the name of the CA: two capital letters
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// The time from the issue to the end: a number and s, m, h, d, w or y; without it, 20 years
    #[arg(long, value_name = "TIME", value_parser = duration)]
    validity: Option<Duration>,
    /// A DNS name that the certificate permits, with its subdomains; then no other names are valid under it
    #[arg(long, value_name = "NAME")]
    permitted_dns: Vec<String>,
    /// An IP address or a network that the certificate permits; then no other names are valid under it
    #[arg(long, value_name = "ADDRESS[/BITS]")]
    permitted_ip: Vec<IpNetwork>,
    /// Also print the cross certificates between the present key and the former ones, one after the other
    #[arg(long, conflicts_with = "der")]
    cross: bool,
    /// Write DER; without it, PEM
    #[arg(long)]
    der: bool,
    #[command(flatten)]
    out: OutFile,
}

pub(super) fn run(args: CertificateArgs) -> Result<(), CliError> {
    args.out.check("an X.509 certificate", is_certificate)?;
    let options = CaCertificateOptions {
        organization: args.organization,
        country: args.country,
        lifetime: args.validity.map(|validity| validity.as_secs()),
        permitted: Permitted::new(args.permitted_dns, args.permitted_ip),
    };
    let folder = args.folder.open()?;
    let CaCertificates { own, issuers, cross } = x509_certificates(&folder, Some(&options))?;
    if !own.repeated {
        acted(&folder, "make the CA certificate", &format!("certificate {}", own.serial));
        output::say(format_args!(
            "The CA {} has an X.509 certificate now, with the serial number {}.",
            folder.issuer_id(),
            own.serial
        ));
    }
    let text = |certificate: &[u8]| CertificateFormat::X509.text(certificate);
    let mut content = if args.der { own.certificate } else { text(&own.certificate).into_bytes() };
    if !args.der {
        content.extend(issuers.iter().flat_map(|issuer| text(issuer).into_bytes()));
    }
    if args.cross {
        content.extend(cross.iter().flat_map(|issued| text(&issued.certificate).into_bytes()));
    }
    args.out.write(&content)
}

/// Whether `content` is an X.509 certificate, in PEM or DER.
pub(super) fn is_certificate(content: &[u8]) -> bool {
    content.starts_with(b"-----BEGIN CERTIFICATE-----") || Certificate::parse(content).is_ok()
}
