//! The options of a client command that asks a CA.

use std::io::ErrorKind;
use std::path::Path;

use super::values::remote;
use super::{CliError, Exit, trace_tap};
use minipki_client::{CaContact, load_ca_address, refuse_ca_folder};
use minipki_os::files;

/// The CA of a request.
#[derive(clap::Args)]
pub(super) struct CaArgs {
    /// The CA's address; without it, the address of the enrolment
    #[arg(long, value_name = "HOST:PORT", value_parser = remote::<9000>)]
    ca: Option<String>,
    /// Print each message, decoded, with the purpose of each field
    #[arg(long)]
    trace: bool,
}

impl CaArgs {
    /// The way to the CA. Without --ca the address comes from the `folder` of an identity.
    pub(super) fn contact(&self, folder: Option<&Path>) -> Result<CaContact, CliError> {
        if let Some(folder) = folder {
            if !folder.is_dir() {
                let kind = if folder.exists() { ErrorKind::NotADirectory } else { ErrorKind::NotFound };
                let seen = files::seen(folder, &kind.into());
                return Err(CliError::new(Exit::Failed, seen, "give the folder that `minipki enroll` made"));
            }
            refuse_ca_folder(folder)?;
        }
        let address = self.ca.clone().or_else(|| folder.and_then(load_ca_address)).ok_or_else(|| {
            let seen = match folder {
                Some(folder) => format!("{} has no address of a CA", folder.join("ca.json").display()),
                None => "the address of the CA is not known".to_owned(),
            };
            CliError::new(Exit::Usage, seen, "check the folder, or give the address with --ca HOST:PORT")
        })?;
        let tap = trace_tap(self.trace, "client", "CA");
        Ok(CaContact { tap, ..CaContact::new(address) })
    }
}
