//! `minipki ca import`: makes a CA with a key that exists already.

use std::path::PathBuf;

use clap::Args;
use minipki_core::cert::IdBuf;

use super::super::passphrase_args::PassphraseArgs;
use super::super::x509::certificates_in;
use super::super::{CliError, output};
use super::publication_args::PublicationArgs;
use super::{init, install_chain};
use minipki_ca::CaChain;
use minipki_client::ExpectedFile;
use minipki_keys::{KEY_FILE, NewKey};
use minipki_os::clock;
use minipki_provider::x509::ALL;
use minipki_server::state::{self, KeyChoice, StateError};

/// Make a CA with an existing RSA key
///
/// The key can be PKCS#8, encrypted PKCS#8 or PKCS#1, in PEM, with 2048, 3072 or 4096 bits. The file stays as it is. If
/// the key is encrypted, or a passphrase is given, the CA's copy is encrypted with the same passphrase.
#[derive(Args)]
#[command(after_help = "Examples:
  minipki ca import --key old-ca.pem --name school-ca --dir my-ca
  minipki ca import --key old-ca.pem --certificate old-ca-cert.pem --name school-ca --dir my-ca

If the key has issued certificates before, they stay valid, but this CA does not know them:
it cannot list, repeat or revoke them, and it gives their names away to the first who asks.
Serial numbers are random, so a new one does not repeat an old one. Give --name the issuer
of the earlier certificates if clients shall accept both. Serve with --require-token until
the earlier certificates have expired. Never let two CAs use one key at the same time.

Do not import a key that signs anything else: a signature of another program could be taken
for one of this CA.")]
pub(in crate::cli) struct ImportArgs {
    /// The file with the RSA key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The X.509 certificate that the key has already as a CA, in PEM or DER; certificates of its issuers can follow
    ///
    /// X.509 certificates and lists have its subject as their issuer then. `minipki ca install-chain` takes it later.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The folder to create; existing files are never overwritten, and an interrupted import is continued
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The CA's name, the issuer of its certificates
    #[arg(long, value_name = "ID", default_value = "minipki-ca")]
    name: IdBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Encrypt the CA's copy of a key that is not encrypted
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    publication: PublicationArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: ImportArgs) -> Result<(), CliError> {
    let publication = args.publication.publication()?;
    output::check_kind(&args.key, ExpectedFile::PrivateKey)?;
    let passphrase = match args.passphrase.for_key(&args.key)? {
        Some(passphrase) => Some(passphrase),
        None => args.passphrase.for_new(args.encrypt)?,
    };
    let key = NewKey::import(&args.key, passphrase.as_ref())?;
    let certificates = args.certificate.as_deref().map(certificates_in).transpose()?;
    if let (Some(file), Some(found)) = (&args.certificate, &certificates) {
        // Nothing is made for a certificate that cannot be used.
        CaChain::find(found, key.public(), None, &ALL, clock::now()?)
            .map_err(|error| CliError::from(StateError::from(error)).with(file.display()))?;
    }
    let bits = key.size();
    let (choice, publication) = (KeyChoice::Import(Box::new(key)), publication.as_ref());
    let created = state::create_published(&args.dir, args.name, choice, publication, passphrase.as_ref())?;
    args.passphrase.warn_if_plain(&args.dir.join(KEY_FILE), &init::passphrase_command(&args.dir));
    init::report(&created, &args.dir, bits, "from the given file", args.json)?;
    match args.certificate.as_deref().zip(certificates) {
        Some((file, found)) => install_chain::install(&created.folder, file, &found),
        None => Ok(()),
    }
}
