//! `minipki x509`: the certificates that other programs use.

mod args;
pub(super) mod fetch;
mod files;
mod input;
mod inspect;
mod ocsp;
mod refusal;
mod report;
mod request;
mod revocation_list;
mod verify;

use std::path::Path;

use clap::Subcommand;

use super::{CliError, client_runtime, wait};
use minipki_net::trace::x509::{algorithm, checks, extensions, fields, malformed, names, oids};
use minipki_provider::HostProvider;

pub(super) use algorithm::private_key_algorithm;
pub(super) use files::is_x509;
pub(super) use inspect::inspected;

/// Verify X.509 certificates, as TLS servers, browsers and other devices use them; get the one of an identity
///
/// `minipki inspect` explains them, and `minipki csr` makes a request for one.
#[derive(Subcommand)]
#[command(
    after_help = "Example:\n  minipki x509 verify server.pem --trust ca.pem --purpose server --name www.example.com"
)]
pub(super) enum Command {
    Verify(args::Args),
    Fetch(fetch::FetchArgs),
}

/// The certificates in a file of PEM or DER, in DER.
pub(super) fn certificates_in(file: &Path) -> Result<Vec<Vec<u8>>, CliError> {
    let found = files::read(file, files::Kind::Certificate)?;
    Ok(found.into_iter().map(|source| source.der).collect())
}

pub(super) fn run(command: Command, provider: HostProvider) -> Result<(), CliError> {
    match command {
        Command::Verify(args) => verify::run(&args, provider),
        Command::Fetch(args) => {
            let identity = args.identity.open_at_any_time(provider)?;
            wait(client_runtime(), fetch::run(args, identity))
        }
    }
}
