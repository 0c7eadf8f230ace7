//! `minipki listen`: wait for peers and talk to them, side by side.

use std::fmt::Display;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use minipki_core::cert::Certificate;
use minipki_core::time::UnixTime;
use minipki_core::wire::Code;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::talk::{Company, Keyboard, Talk};
use super::{CliError, Exit, advice, interrupted, output};
use minipki_client::chat::{Conversations, Full, Input, Line, Note, Seat, Stop, stopped};
use minipki_client::{Channel, ClientError, Identity, Listener};
use minipki_os::clock;
use minipki_provider::HostProvider;

/// The number of failures that are told within [`TOLD_WITHIN`]: strangers may fail as often as they like.
const TOLD: u32 = 10;

/// The time after which failures are told again.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// How long open channels are waited for, which close by themselves when our certificate expires or a signal asks.
const CLOSING: Duration = Duration::from_secs(3);

/// Wait for peers and talk to them over secure channels, side by side
///
/// Ctrl-C, SIGTERM and SIGHUP close each channel and end; a second one ends at once.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki listen --identity bob
  minipki listen --identity bob --peer-subject alice --once --expect hello --send hi

A message that arrives is printed as `NAME: TEXT`; with --once or --peer-subject, where
only one peer is meant, as the text alone.

A line that you type goes to the peer that is connected. If several are, or if the lines
before were for another peer, begin the line with @NAME and a space. A line that is for
nobody is not sent and not kept, and this is said. Piped input is for the first peer.

Ctrl-D ends the input for good: nothing more is sent to any peer, and each is told. Their
messages are still shown.")]
pub(super) struct Args {
    /// The folder that `minipki enroll` made
    #[arg(long, value_name = "DIR")]
    identity: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9101")]
    listen: String,
    /// Talk to the first peer whose channel opens, then end with the result of that conversation
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    talk: Talk,
}

pub(super) async fn run(args: Args, provider: HostProvider, stop: Stop) -> Result<(), CliError> {
    let identity = Identity::load(provider, &args.identity)?;
    let own = Certificate::parse(identity.certificate()).map_err(|error| advice::certificate(&error))?;
    let not_after = own.validity().not_after();
    let (subject, options) = (identity.subject_id().to_string(), args.talk.options(&identity));
    let unusable = |error| {
        let seen = format!("cannot listen on {}: {error}", args.listen);
        CliError::new(Exit::Connection, seen, "choose another address with --listen, or stop what holds it")
    };
    let listener = Listener::bind(&args.listen, identity, options).await.map_err(unusable)?;
    output::say(format_args!("{subject} is listening on {}", listener.local_addr()?));
    let ended = if args.once {
        once(listener, &args.talk, not_after, &stop).await
    } else {
        serve(listener, args.talk, not_after, stop).await
    };
    ended.or_else(|error| if is_stop(&error) { Ok(()) } else { Err(error) })
}

/// Talks to the first peer.
async fn once(mut listener: Listener, talk: &Talk, not_after: UnixTime, stop: &Stop) -> Result<(), CliError> {
    let mut keyboard = talk.keyboard(Some(Note::InputEnded));
    let mut failures = Failures::new();
    let first = async {
        loop {
            match listener.accept().await {
                Ok(channel) => return Ok(channel),
                Err(error) => failures.say(CliError::from(error)),
            }
        }
    };
    let first = async {
        tokio::select! {
            channel = first => channel,
            expired = expiry(not_after) => Err(expired),
            signal = stopped(stop) => interrupted(signal),
        }
    };
    let channel = keyboard.unheard(&Note::NobodyConnected, first).await?;
    // Nobody else is let in, nor left waiting.
    drop(listener);
    talk.talk(channel, &mut keyboard, Company::Alone(None), stop).await
}

/// Talks to all peers, until our certificate expires or a signal asks for the end.
async fn serve(mut listener: Listener, talk: Talk, not_after: UnixTime, stop: Stop) -> Result<(), CliError> {
    let talk = Arc::new(talk);
    let mut conversations = Conversations::new(talk.peer_subject.clone());
    let (mut tasks, mut failures) = (JoinSet::new(), Failures::new());
    let keyboard = talk.keyboard(Some(Note::InputEnded));
    let (mut typed, mut piped) =
        if keyboard.is_terminal() { (Some(keyboard), None) } else { (None, Some(keyboard)) };
    if typed.is_none() {
        conversations.hush();
    }
    loop {
        tokio::select! {
            // A line that was typed before a peer came is not for it.
            biased;
            signal = stopped(&stop) => {
                // Nobody else is let in.
                drop(listener);
                all_ended(&mut tasks).await;
                return interrupted(signal);
            }
            expired = expiry(not_after), if !talk.stay_open_after_expiry => {
                all_ended(&mut tasks).await;
                return Err(expired);
            }
            line = next(&mut typed) => match line {
                Some(line) => {
                    if let Err(note) = conversations.say(line) {
                        output::say(note);
                    }
                }
                None => {
                    typed = None;
                    conversations.hush();
                }
            },
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(channel) => match conversations.begin(channel.peer.subject_id()) {
                    Ok(seat) => {
                        let (talk, piped, stop) = (Arc::clone(&talk), piped.take(), stop.clone());
                        tasks.spawn(async move { converse(&talk, channel, seat, piped, &stop).await });
                    }
                    Err(Full) => {
                        let peer = channel.peer.subject_id();
                        failures.say(format_args!("busy: refused one more channel with {peer}"));
                        tasks.spawn(channel.refuse(Code::Busy));
                    }
                },
                Err(error) => failures.say(CliError::from(error)),
            },
        }
    }
}

/// One of several conversations: with what is piped in, or with the lines that the seat is given.
async fn converse(talk: &Talk, channel: Channel, mut seat: Seat, piped: Option<Keyboard>, stop: &Stop) {
    let peer = channel.peer.subject_id().to_string();
    let (ended, unsent) = match piped {
        Some(mut keyboard) => {
            let ended = talk.talk(channel, &mut keyboard, Company::Others, stop).await;
            (ended, (!keyboard.has_ended()).then_some(Note::LinesLost { peer, count: None }))
        }
        None => {
            let ended = talk.talk(channel, &mut seat, Company::Others, stop).await;
            let count = seat.unsent();
            (ended, (count > 0).then_some(Note::LinesLost { peer, count: Some(count) }))
        }
    };
    if let Err(error) = ended
        && !is_stop(&error)
    {
        output::say(error);
    }
    if let Some(note) = unsent {
        output::say(note);
    }
}

/// Whether it is the end that a signal asked for, which to a listener is no error.
fn is_stop(error: &CliError) -> bool {
    error.exit() == Exit::Interrupted
}

/// Waits for conversations that end by themselves, within bounds.
async fn all_ended(tasks: &mut JoinSet<()>) {
    let _ = timeout(CLOSING, async { while tasks.join_next().await.is_some() {} }).await;
}

/// The next line that is typed; `None` at the end of the input, or if it cannot be read.
async fn next(typed: &mut Option<Keyboard>) -> Option<Line> {
    let Some(keyboard) = typed else { return pending().await };
    let what = "the input could not be read";
    keyboard.next().await.unwrap_or_else(|source| {
        output::say(CliError::from(ClientError::Local { what, source }));
        None
    })
}

/// Tells what has failed, and no more of it than a person can read.
struct Failures {
    since: Instant,
    told: u32,
    untold: u32,
}

impl Failures {
    fn new() -> Self {
        Self { since: Instant::now(), told: 0, untold: 0 }
    }

    fn say(&mut self, failure: impl Display) {
        if self.since.elapsed() >= TOLD_WITHIN {
            if self.untold > 0 {
                output::say(format_args!("{} more connections have failed", self.untold));
            }
            *self = Self::new();
        }
        if self.told < TOLD {
            self.told += 1;
            output::say(failure);
        } else {
            self.untold += 1;
        }
    }
}

/// Ends when our certificate has expired: after that no peer lets us in.
async fn expiry(not_after: UnixTime) -> CliError {
    loop {
        match clock::now() {
            Ok(now) if now <= not_after => sleep(Duration::from_secs(1)).await,
            Ok(_) => {
                let seen =
                    format!("our own certificate expired at {not_after}, so no peer accepts it any more");
                return CliError::new(Exit::NotVerified, seen, "enrol a new identity, and listen with it");
            }
            Err(error) => return error.into(),
        }
    }
}
