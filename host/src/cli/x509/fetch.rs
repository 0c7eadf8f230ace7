//! `minipki x509 fetch`: gets the X.509 twin of an identity's certificate from the CA.

use std::path::Path;

use minipki_core::wire::Code;

use super::super::ca_contact::CaArgs;
use super::super::passphrase_args::IdentityArgs;
use super::super::{CliError, output};
use minipki_client::{CaContact, ClientError, Identity, TWIN_FILE};
use minipki_os::files::quoted;

/// Get the certificate of an identity as X.509, for programs that do not read certificates in JSON
///
/// The CA makes it with the serial number, validity, name and key of the certificate, and it is verified. The folder of
/// the identity gets it as certificate.pem, and `minipki renew` replaces that file then. A repeated command gets the
/// same certificate again.
#[derive(clap::Args)]
#[command(after_help = "Example:
  minipki x509 fetch --identity alice

The key is an X25519 key: it agrees on secrets, and cannot sign. Programs that use it are for example
those that encrypt to it. A TLS server needs another certificate: `minipki ca sign`.")]
pub(in crate::cli) struct FetchArgs {
    #[command(flatten)]
    pub(in crate::cli) identity: IdentityArgs,
    #[command(flatten)]
    ca: CaArgs,
}

pub(in crate::cli) async fn run(args: FetchArgs, identity: Identity) -> Result<(), CliError> {
    let folder = &args.identity.folder;
    keep(&identity, &args.ca.contact(Some(folder))?, folder).await
}

/// Gets the X.509 twin of the certificate in `folder`. If this fails, the identity is complete without it.
pub(in crate::cli) async fn keep(
    identity: &Identity,
    contact: &CaContact,
    folder: &Path,
) -> Result<(), CliError> {
    let (file, again) = (folder.join(TWIN_FILE), format!("minipki x509 fetch --identity {}", quoted(folder)));
    if let Err(error) = identity.keep_twin(contact, folder).await {
        output::say(format_args!(
            "the identity in {} is complete, except for its X.509 certificate",
            folder.display()
        ));
        let next = match &error {
            ClientError::Refused { code: Code::UnknownType, .. } => {
                "this CA has an earlier version, which makes no X.509 certificates: ask its operator to update it"
            }
            ClientError::Refused { code: Code::NotAllowed, .. } => {
                "if the CA has changed its key since the enrolment, renew the identity; otherwise ask the CA's operator, \
                 whose log has the reason"
            }
            ClientError::Unreachable { .. } | ClientError::ConnectDeadline { .. } => {
                "check the address, and that the CA is running"
            }
            _ => return Err(error.into()),
        };
        return Err(CliError::from(error).advise(format!("{next}; then: {again}")));
    }
    output::say(format_args!("the certificate as X.509 is in {}", file.display()));
    Ok(())
}
