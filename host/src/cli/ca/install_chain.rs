//! `minipki ca install-chain`: takes the certificates that a parent has signed.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::x509::certificates_in;
use super::super::{CliError, output};
use super::{KeyFolder, acted};
use minipki_ca::CaChain;
use minipki_core::x509::Certificate;
use minipki_keys::CaFolder;
use minipki_server::state::install_chain;

/// Take the X.509 certificate of this CA that another CA, the parent, has signed
///
/// FILE has the certificate in PEM or DER, and the certificates between the parent and its root, in any order. From then on the CA
/// issues X.509 certificates under them, and `minipki ca certificate` prints them. A later chain of the same key
/// replaces the earlier one, for example before its end.
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca install-chain --dir my-ca my-ca.pem")]
pub(in crate::cli) struct InstallChainArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The certificates
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: InstallChainArgs) -> Result<(), CliError> {
    let certificates = certificates_in(&args.file)?;
    let folder = args.folder.open()?;
    install(&folder, &args.file, &certificates)
}

/// Installs the chain that is in `certificates`, the content of `file`.
pub(super) fn install(folder: &CaFolder, file: &Path, certificates: &[Vec<u8>]) -> Result<(), CliError> {
    let chain =
        install_chain(folder, certificates).map_err(|error| CliError::from(error).with(file.display()))?;
    let end = chain.own().ok().map(|own| own.validity().not_after());
    let end = end.map_or_else(String::new, |end| format!(", valid until {end}"));
    acted(folder, "install a chain", &format!("{} issuers{end}", chain.issuers().len()));
    output::say(format_args!(
        "The CA {} issues X.509 certificates under this certificate now{end}.{}",
        folder.issuer_id(),
        advice(&chain),
    ));
    Ok(())
}

/// The advice for a chain without a root: readers need the root from elsewhere.
fn advice(chain: &CaChain) -> &'static str {
    let last = chain.issuers().last().and_then(|der| Certificate::parse(der).ok());
    match (last, chain.is_self_signed()) {
        (None, true) => "",
        (Some(last), _) if last.is_self_issued() => "",
        _ => "\nReaders need the root of its issuer: the file does not have it.",
    }
}
