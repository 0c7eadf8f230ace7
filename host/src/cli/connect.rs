//! `minipki connect`: a secure channel to a peer that listens.

use std::path::PathBuf;

use super::CliError;
use super::talk::{Talk, keyboard};
use crate::client::{Identity, connect};

/// Open a secure channel to a peer and talk: what is typed is sent, what arrives is printed
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki connect --identity alice --peer 127.0.0.1:9101 --peer-subject bob
  minipki connect --identity alice --peer 127.0.0.1:9101 --send hello --expect hi")]
pub(super) struct Args {
    /// The folder that `minipki enroll` made
    #[arg(long, value_name = "DIR")]
    identity: PathBuf,
    /// The peer's address
    #[arg(long, value_name = "HOST:PORT")]
    peer: String,
    #[command(flatten)]
    talk: Talk,
}

pub(super) async fn run(args: Args) -> Result<(), CliError> {
    let identity = Identity::load(&args.identity)?;
    let channel = connect(&args.peer, &identity, &args.talk.options(&identity)).await?;
    args.talk.talk(channel, &mut keyboard()).await
}
