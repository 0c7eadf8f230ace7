//! `minipki ca csr`: the request for a CA certificate by another CA.

use clap::Args;
use minipki_core::crypto::{Hash as _, Portable};
use minipki_core::encoding::pem;
use minipki_core::keys::Fingerprint;

use super::super::CliError;
use super::super::out_file::OutFile;
use super::KeyFolder;
use minipki_ca::{CaCertificateOptions, Csr, Permitted};
use minipki_keys::CaFolder;
use minipki_provider::x509::ALL;
use minipki_server::state::certificate_request;

/// The file with the request of an intermediate, in the folder of the CA.
pub(super) const REQUEST: &str = "ca.csr";

/// The label of a request in PEM (RFC 7468 §7).
const LABEL: &str = "CERTIFICATE REQUEST";

/// Print the request (PKCS#10) for a certificate of this CA by another CA, the parent
///
/// The parent signs the request as that of a CA, and `minipki ca install-chain` takes the result. The same command prints the
/// same request again. The options for the name count until the CA has an X.509 certificate.
#[derive(Args)]
#[command(after_help = "Examples:
  minipki ca csr --dir my-ca --out my-ca.csr
  openssl x509 -req -in my-ca.csr -copy_extensions copyall -CA root.pem -CAkey root-key.pem -days 3650 -out my-ca.pem
  minipki ca install-chain --dir my-ca my-ca.pem")]
pub(in crate::cli) struct CsrArgs {
    #[command(flatten)]
    folder: KeyFolder,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    out: OutFile,
}

/// The X.509 name of a CA.
#[derive(Args)]
pub(super) struct NameArgs {
    /// The organization in the X.509 name of the CA
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The country in the X.509 name of the CA: two capital letters
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
}

impl NameArgs {
    pub(super) const fn is_empty(&self) -> bool {
        self.organization.is_none() && self.country.is_none()
    }

    pub(super) fn options(self) -> CaCertificateOptions {
        let Self { organization, country } = self;
        let permitted = Permitted::new(Vec::new(), Vec::new());
        CaCertificateOptions { organization, country, lifetime: None, permitted }
    }
}

pub(super) fn run(args: CsrArgs) -> Result<(), CliError> {
    args.out.check("a certification request", is_request)?;
    let folder = args.folder.open()?;
    let made = if args.name.is_empty() { made(&folder) } else { None };
    let text = match made {
        Some(made) => made,
        None => request(&folder, &args.name.options())?,
    };
    args.out.write(&text)
}

/// The request in the folder of an intermediate, in PEM. It has the name that the operator has chosen. A request of a former key
/// does not count.
fn made(folder: &CaFolder) -> Option<Vec<u8>> {
    let text = std::fs::read(folder.path().join(REQUEST)).ok()?;
    let mut room = vec![0; text.len()];
    let csr = Csr::parse(pem::decode(LABEL, &text, &mut room).ok()?, &ALL).ok()?;
    let key = Fingerprint(Portable::new().sha256(&[csr.public_key()]));
    (key == folder.fingerprint()).then_some(text)
}

/// The request of the CA in PEM.
pub(super) fn request(folder: &CaFolder, options: &CaCertificateOptions) -> Result<Vec<u8>, CliError> {
    let der = certificate_request(folder, options)?;
    // Base64 and the PEM lines take less than twice the bytes plus 100.
    let mut room = vec![0; 2 * der.len() + 100];
    Ok(pem::encode(LABEL, &der, &mut room).unwrap_or_default().as_bytes().to_vec())
}

fn is_request(content: &[u8]) -> bool {
    content.starts_with(b"-----BEGIN CERTIFICATE REQUEST-----") || Csr::parse(content, &ALL).is_ok()
}
