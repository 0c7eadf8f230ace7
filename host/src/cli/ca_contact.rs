//! The options of a client command that asks a CA.

use std::path::Path;

use super::{CliError, Exit, trace_tap};
use minipki_client::{CaContact, load_ca_address};

/// The CA of a request.
#[derive(clap::Args)]
pub(super) struct CaArgs {
    /// The CA's address; without it, the address of the enrolment
    #[arg(long, value_name = "HOST:PORT")]
    ca: Option<String>,
    /// Print each message, decoded, with the purpose of each field
    #[arg(long)]
    trace: bool,
}

impl CaArgs {
    /// The way to the CA. Without --ca the address comes from the `folder` of an identity.
    pub(super) fn contact(&self, folder: Option<&Path>) -> Result<CaContact, CliError> {
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let seen = format!("{} is not a folder", folder.display());
            return Err(CliError::new(Exit::Failed, seen, "give the folder that `minipki enroll` made"));
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
