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
        let address = self.ca.clone().or_else(|| folder.and_then(load_ca_address)).ok_or_else(|| {
            let seen = "the address of the CA is not known";
            CliError::new(Exit::Usage, seen, "give it with --ca HOST:PORT")
        })?;
        let tap = trace_tap(self.trace, "client", "CA");
        Ok(CaContact { tap, ..CaContact::new(address) })
    }
}
