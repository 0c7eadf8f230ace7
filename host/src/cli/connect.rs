//! `minipki connect`: opens a secure channel to a peer that listens.

use std::path::PathBuf;

use super::talk::{TalkArgs, TalkMode};
use super::{CliError, interrupted, output};
use minipki_client::chat::{Note, Stop, stopped};
use minipki_client::{Identity, connect};
use minipki_provider::HostProvider;

/// Open a secure channel to a peer: typed lines are sent, received messages are printed
///
/// The peer's name is shown before anything is sent. The end of the input closes our direction. The peer can still
/// answer until it closes, or until it has been silent for the time of --deadline. Ctrl-C, SIGTERM and SIGHUP close the
/// channel and end the program; a second signal ends it at once.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki connect --identity alice --peer 127.0.0.1:9101 --peer-subject bob
  minipki connect --identity alice --peer 127.0.0.1:9101 --send hello --expect hi

A line that is typed before the peer's name is shown is not sent, unless --peer-subject
is given. Piped input waits for the channel.")]
pub(super) struct Args {
    /// The folder that `minipki enroll` made
    #[arg(long, value_name = "DIR")]
    identity: PathBuf,
    /// The peer's address
    #[arg(long, value_name = "HOST:PORT")]
    peer: String,
    #[command(flatten)]
    talk: TalkArgs,
}

pub(super) async fn run(args: Args, provider: HostProvider, stop: Stop) -> Result<(), CliError> {
    let identity = Identity::load(provider, &args.identity)?;
    let options = args.talk.options(&identity);
    let mut keyboard = args.talk.keyboard(None);
    let opening = async {
        tokio::select! {
            channel = connect(&args.peer, &identity, &options) => Ok(channel?),
            signal = stopped(&stop) => interrupted(signal),
        }
    };
    let channel = if args.talk.peer_subject.is_some() {
        opening.await?
    } else {
        let channel = keyboard.discard_during(&Note::PeerUnknown, opening).await?;
        let name = channel.peer.subject_id();
        output::say(format_args!(
            "{name} answers at {}; --peer-subject {name} accepts no other peer",
            args.peer
        ));
        channel
    };
    args.talk.run(channel, &mut keyboard, TalkMode::Single(Some(args.talk.deadline)), &stop).await
}
