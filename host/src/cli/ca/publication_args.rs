//! The options of `minipki ca init` and `minipki ca import` for the publication of a new CA.

use clap::{Args, value_parser};

use super::super::{CliError, Exit};
use minipki_ca::{PublicUrl, Publication, Shards};

/// The public URL and the number of lists of a new CA.
#[derive(Args)]
pub(super) struct PublicationArgs {
    /// The public address of `minipki ca serve --http`, for example http://pki.example.org; X.509 certificates name it
    ///
    /// `minipki ca public-url` changes it later.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// The number of X.509 lists of revoked certificates, from 1 to 1000; it never changes
    ///
    /// Each certificate is in the list with the number: serial number modulo N. Several lists are for a CA with many
    /// revoked certificates: each reader fetches one of them.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = value_parser!(u32).range(1..=i64::from(Shards::MOST)))]
    crl_shards: u32,
}

impl PublicationArgs {
    /// The publication; `None` without a choice.
    pub(super) fn publication(self) -> Result<Option<Publication>, CliError> {
        let shards = Shards::new(self.crl_shards).unwrap_or_default();
        let publication = Publication::new(shards, self.public_url).map_err(|error| {
            let next = "give --public-url http://HOST too, or leave --crl-shards out";
            CliError::new(Exit::Usage, error, next)
        })?;
        Ok((publication != Publication::default()).then_some(publication))
    }
}
