//! What `listen` and `connect` share: who may be at the other end, and what is said.

use std::time::Duration;

use minipki_core::cert::IdBuf;
use tokio::io::{BufReader, Stdin, stdin, stdout};

use super::{CliError, duration, output, watch};
use crate::client::chat::{self, Lines, Note, Script};
use crate::client::{Channel, ChannelOptions, Identity};

/// Who may be at the other end, and what is said.
#[derive(clap::Args)]
pub(super) struct Talk {
    /// The subject that the peer must be; without it, anybody whom the same CA certified
    #[arg(long, value_name = "NAME")]
    peer_subject: Option<IdBuf>,
    /// Send this text instead of what is typed; may be given several times
    #[arg(long, value_name = "TEXT")]
    send: Vec<String>,
    /// End well only if this text arrives; may be given several times
    #[arg(long, value_name = "TEXT")]
    expect: Vec<String>,
    /// How long --send and --expect may take: a number and s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    deadline: Duration,
    /// Print every message as it passes, decoded, with the reason for each field
    #[arg(long)]
    trace: bool,
}

/// The keyboard. What is typed after one conversation goes to the next.
pub(super) type Keyboard = Lines<BufReader<Stdin>>;

pub(super) fn keyboard() -> Keyboard {
    Lines::new(BufReader::new(stdin()))
}

impl Talk {
    /// How to open a channel as `identity`.
    pub(super) fn options(&self, identity: &Identity) -> ChannelOptions {
        let peer = self.peer_subject.as_ref().map_or_else(|| "peer".to_owned(), ToString::to_string);
        let tap = watch(self.trace, identity.subject_id().to_string(), peer);
        ChannelOptions { peer: self.peer_subject.clone(), tap, ..ChannelOptions::default() }
    }

    /// Talks until both sides have closed, or as the options say.
    pub(super) async fn talk(&self, channel: Channel, keyboard: &mut Keyboard) -> Result<(), CliError> {
        let peer = &channel.peer;
        output::say(format_args!(
            "open: {} is at the other end, by certificate {}",
            peer.subject_id(),
            peer.serial_number(),
        ));
        let notes = |note: Note| output::say(note);
        let mut out = stdout();
        if self.send.is_empty() && self.expect.is_empty() {
            chat::converse(channel, keyboard, &mut out, &notes).await?;
        } else {
            let (send, expect) = (self.send.clone(), self.expect.clone());
            let script = Script { send, expect, deadline: self.deadline };
            chat::run(channel, &script, &mut out, &notes).await?;
        }
        output::say("closed");
        Ok(())
    }
}
