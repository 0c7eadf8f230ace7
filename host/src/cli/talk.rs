//! The part that `listen` and `connect` share: the options of a conversation, and the conversation itself.

use std::io::{self, IsTerminal};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use minipki_core::cert::IdBuf;
use tokio::io::{BufReader, Stdin, stdin, stdout};

use super::{CliError, Exit, advice, duration, output, watch};
use minipki_client::chat::{self, ChatOptions, Input, Limits, Line, Lines, Note, Script, Stop};
use minipki_client::{Channel, ChannelOptions, ClientError, Identity};

/// The options of a conversation: the expected peer, the texts to send and to expect, and the limits.
#[derive(clap::Args)]
pub(super) struct Talk {
    /// The subject that the peer must be; without it, anybody whom the same CA certified
    #[arg(long, value_name = "NAME")]
    pub(super) peer_subject: Option<IdBuf>,
    /// Send this text instead of what is typed; may be given several times
    #[arg(long, value_name = "TEXT")]
    send: Vec<String>,
    /// End well only if this text arrives; may be given several times
    #[arg(long, value_name = "TEXT")]
    expect: Vec<String>,
    /// How long --send and --expect may take; for connect, also how long the peer may be silent after the
    /// end of the input, before the channel is closed
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) deadline: Duration,
    /// Close a channel on which neither side has said anything for this long
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    idle: Duration,
    /// Go on with an open channel after a certificate has expired; without this it is closed then
    #[arg(long)]
    pub(super) stay_open_after_expiry: bool,
    /// Talk to a peer that has our own key, too; without this it is refused
    #[arg(long)]
    allow_self: bool,
    /// Print every message as it passes, decoded, with the reason for each field
    #[arg(long)]
    trace: bool,
}

/// Whether a conversation is the only one.
#[derive(Clone, Copy)]
pub(super) enum Company {
    /// The only one. Once our direction is closed, the peer may be silent for this long, if that is limited.
    Alone(Option<Duration>),
    /// One of several, so each line that is printed names its peer.
    Others,
}

impl Talk {
    /// How to open a channel as `identity`.
    pub(super) fn options(&self, identity: &Identity) -> ChannelOptions {
        let peer = self.peer_subject.as_ref().map_or_else(|| "peer".to_owned(), ToString::to_string);
        let tap = watch(self.trace, identity.subject_id().to_string(), peer);
        let (peer, allow_own_key) = (self.peer_subject.clone(), self.allow_self);
        ChannelOptions { peer, tap, allow_own_key, ..ChannelOptions::default() }
    }

    /// The standard input; of a script nothing is read. When a person ends it, `at_end` is said.
    pub(super) fn keyboard(&self, at_end: Option<Note>) -> Keyboard {
        let lines = Lines::new(BufReader::new(stdin()));
        let terminal = !self.is_script() && io::stdin().is_terminal();
        Keyboard { lines, terminal, ended: self.is_script(), at_end: at_end.filter(|_| terminal) }
    }

    fn is_script(&self) -> bool {
        !(self.send.is_empty() && self.expect.is_empty())
    }

    /// Talks until both sides have closed, as the options say, or until `stop`. The peer's name is shown first.
    pub(super) async fn talk(
        &self,
        channel: Channel,
        input: &mut impl Input,
        company: Company,
        stop: &Stop,
    ) -> Result<(), CliError> {
        let peer = channel.peer.subject_id().to_string();
        let serial = channel.peer.serial_number();
        output::say(format_args!("open: {peer} is at the other end, by certificate {serial}"));
        let (named, parting) = match company {
            Company::Alone(parting) => (false, parting),
            Company::Others => (self.peer_subject.is_none(), None),
        };
        let prefix = if named { format!("{peer}: ") } else { String::new() };
        let unsent = AtomicBool::new(false);
        let notes = |note: Note| {
            unsent.fetch_or(note.loses_a_line(), Relaxed);
            output::say(format_args!("{prefix}{note}"));
        };
        let stay_open_after_expiry = self.stay_open_after_expiry;
        let limits = Limits { idle: self.idle, parting, stay_open_after_expiry };
        let options = ChatOptions { prefix: &prefix, limits, notes: &notes, stop: Some(stop) };
        let ended = if self.is_script() {
            let (send, expect) = (self.send.clone(), self.expect.clone());
            let script = Script { send, expect, deadline: self.deadline };
            chat::run(channel, &script, &mut stdout(), &options).await
        } else {
            chat::converse(channel, input, &mut stdout(), &options).await
        };
        // Words that do not say who the peer is.
        let unnamed = named && matches!(ended, Err(ClientError::Missing { .. }));
        match &ended {
            // The end that was asked for is an orderly one.
            Ok(()) | Err(ClientError::Stopped { .. }) => output::say(format_args!("{prefix}closed")),
            Err(_) => {}
        }
        ended.map_err(|error| {
            let error = advice::open_channel(error);
            if unnamed { error.with(&peer) } else { error }
        })?;
        if matches!(company, Company::Alone(_)) && unsent.load(Relaxed) {
            let next = "see above which, and send them in parts or as UTF-8; the others were sent";
            return Err(CliError::new(Exit::NotSent, "lines of the input were not sent", next));
        }
        Ok(())
    }
}

/// The standard input: a person at a terminal, or what is piped in.
pub(super) struct Keyboard {
    lines: Lines<BufReader<Stdin>>,
    terminal: bool,
    ended: bool,
    at_end: Option<Note>,
}

impl Keyboard {
    /// Whether a person may type.
    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether all of it is read.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Waits for `work`. A line that is typed meanwhile is for nobody: it is not kept, and `note` is said.
    /// Piped input is kept.
    pub(super) async fn unheard<T>(&mut self, note: &Note, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        while self.terminal {
            tokio::select! {
                biased;
                line = self.next() => match line {
                    Ok(Some(_)) => output::say(note),
                    _ => break,
                },
                done = &mut work => return done,
            }
        }
        work.await
    }
}

impl Input for Keyboard {
    async fn next(&mut self) -> io::Result<Option<Line>> {
        // A terminal could be read again after its end.
        if self.ended {
            return Ok(None);
        }
        let line = self.lines.next().await?;
        if line.is_none() {
            self.ended = true;
            if let Some(note) = self.at_end.take() {
                output::say(note);
            }
        }
        Ok(line)
    }
}
