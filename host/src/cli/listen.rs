//! `minipki listen`: wait for peers and talk to them, one after another.

use std::path::PathBuf;

use super::talk::{Talk, keyboard};
use super::{CliError, Exit, output};
use crate::client::{Identity, Listener};

/// Wait for peers and talk to them over secure channels, one after another
///
/// Ends with Ctrl-C or SIGTERM.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki listen --identity bob
  minipki listen --identity bob --peer-subject alice --once --expect hello --send hi")]
pub(super) struct Args {
    /// The folder that `minipki enroll` made
    #[arg(long, value_name = "DIR")]
    identity: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9101")]
    listen: String,
    /// End after the first peer, as well or as badly as it went
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    talk: Talk,
}

pub(super) async fn run(args: Args) -> Result<(), CliError> {
    let identity = Identity::load(&args.identity)?;
    let (subject, options) = (identity.subject_id().to_string(), args.talk.options(&identity));
    let unusable = |error| {
        let seen = format!("cannot listen on {}: {error}", args.listen);
        CliError::new(Exit::Connection, seen, "choose another address with --listen, or stop what holds it")
    };
    let mut listener = Listener::bind(&args.listen, identity, options).await.map_err(unusable)?;
    output::say(format_args!("{subject} is listening on {}", listener.local_addr()?));
    let mut keyboard = keyboard();
    loop {
        let ended = match listener.accept().await {
            Ok(channel) => args.talk.talk(channel, &mut keyboard).await,
            Err(error) => Err(error.into()),
        };
        match ended {
            ended if args.once => return ended,
            Ok(()) => {}
            Err(error) => output::say(&error),
        }
    }
}
