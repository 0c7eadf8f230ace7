//! `minipki listen`: waits for peers, and holds a conversation with each of them at the same time.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use minipki_core::trust::CertStatus;
use minipki_core::wire::Code;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::passphrase_args::IdentityArgs;
use super::talk::{Keyboard, TalkArgs, TalkMode};
use super::values::local;
use super::{CliError, Exit, interrupted, output};
use minipki_client::chat::{Conversations, Input, Line, Note, Slot, Stop, TooManyConversations, stopped};
use minipki_client::{Channel, ClientError, CurrentIdentity, Identity, Listener, PeerCheck};
use minipki_os::clock;
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// The maximum number of failures that are shown within [`FAILURES_INTERVAL`], since anybody can cause failures.
const MAX_FAILURES: u32 = 10;

/// The time after which failures are shown again.
const FAILURES_INTERVAL: Duration = Duration::from_secs(10);

/// The time between two looks for a renewed certificate.
const RENEWAL_CHECK: Duration = Duration::from_secs(2);

/// The time that open channels have to close after a signal or the expiry of our certificate.
const CLOSING: Duration = Duration::from_secs(3);

/// Wait for peers and talk to several of them at the same time over secure channels
///
/// Ctrl-C, SIGTERM and SIGHUP close each channel and end the program; a second signal ends it at once.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki listen --identity bob
  minipki listen --identity bob --peer-subject alice --once --expect hello --send hi

A received message is printed as `NAME: TEXT`. With --once or --peer-subject only the text
is printed.

A line that you type goes to the connected peer. If several peers are connected, or if the
lines before were for another peer, begin the line with @NAME and a space. A line without a
recipient is discarded, and a message says so. Piped input goes to the first peer.

Ctrl-D ends the input for good: no more lines are sent, and each peer sees this. Messages
of the peers are still shown.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) identity: IdentityArgs,
    /// The address to listen on, *:PORT for all IPv4 addresses; port 0 chooses a free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9101", value_parser = local::<9101>)]
    listen: SocketAddr,
    /// Talk to the first peer only, then end with the result of that conversation
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    talk: TalkArgs,
}

pub(super) async fn run(
    args: Args,
    identity: Identity,
    passphrase: Option<Passphrase>,
    provider: HostProvider,
    stop: Stop,
) -> Result<(), CliError> {
    let (subject, options) =
        (identity.subject_id().to_string(), args.talk.options(&identity, args.talk.capture.begin()?));
    let unusable = |error| {
        let seen = format!("cannot listen on {}: {error}", args.listen);
        let next = "choose another address with --listen, or stop the program that uses it";
        CliError::new(Exit::Connection, seen, next)
    };
    let listener = Listener::bind(args.listen, identity, options).await.map_err(unusable)?;
    output::say(format_args!("{subject} is listening on {}", listener.local_addr()?));
    let (talk, folder, shown) = (Arc::new(args.talk), &args.identity.folder, listener.identity());
    let status = status(folder, &talk, shown.clone());
    let renewed =
        shown.follow(provider, folder, passphrase.as_ref(), RENEWAL_CHECK, |renewed| match renewed {
            Ok(identity) if identity.serial_number() == shown.get().serial_number() => {
                let key = identity.anchor().fingerprint();
                output::say(format_args!("the CA has changed its key: the identity trusts {key} now"));
            }
            Ok(identity) => {
                let (serial, end) = (identity.serial_number(), identity.validity().not_after());
                output::say(format_args!(
                    "the next peers get the renewed certificate {serial}, valid until {end}"
                ));
            }
            Err(error) => output::say(CliError::from(error).with("the renewed identity")),
        });
    let talking = async {
        if args.once {
            once(listener, &talk, folder, &stop).await
        } else {
            serve(listener, &talk, folder, stop).await
        }
    };
    let ended = tokio::select! {
        ended = talking => ended,
        never = status => match never {},
        never = renewed => match never {},
    };
    ended.or_else(|error| if is_stop(&error) { Ok(()) } else { Err(error) })
}

/// Keeps the status of our certificate new. Says when the CA states something new about it.
async fn status(folder: &Path, talk: &TalkArgs, identity: CurrentIdentity) -> Infallible {
    let Some(contact) = talk.contact(folder) else { return pending().await };
    let report = |stated: Result<CertStatus, ClientError>| match stated {
        Ok(CertStatus::Good) => output::say("the CA states that our certificate is good again"),
        Ok(status) => output::say(format_args!(
            "the CA states that our certificate is {}: peers that ask for a status refuse it",
            status.name()
        )),
        // A CA that does not run is normal. The status that we have can be used until its end.
        Err(ClientError::Unreachable { .. } | ClientError::ConnectDeadline { .. }) => {}
        Err(error) => output::say(CliError::from(error).with("the status of our certificate")),
    };
    identity.keep_new(contact, folder, talk.status_refresh, report).await
}

/// Talks to the first peer.
async fn once(mut listener: Listener, talk: &TalkArgs, folder: &Path, stop: &Stop) -> Result<(), CliError> {
    let shown = listener.identity();
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
            expired = expiry(&shown) => Err(expired),
            signal = stopped(stop) => interrupted(signal),
        }
    };
    let channel = keyboard.discard_during(&Note::NobodyConnected, first).await?;
    // No other peer is accepted, and none is kept waiting.
    drop(listener);
    let check = talk.peer_check(folder, &shown.get());
    talk.run(channel, check, &mut keyboard, TalkMode::Single(None), stop).await
}

/// Talks to all peers, until our certificate expires or a signal stops the program.
async fn serve(
    mut listener: Listener,
    talk: &Arc<TalkArgs>,
    folder: &Path,
    stop: Stop,
) -> Result<(), CliError> {
    let shown = listener.identity();
    let check = talk.peer_check(folder, &shown.get());
    let mut conversations = Conversations::new(talk.peer_subject.clone());
    let (mut tasks, mut failures) = (JoinSet::new(), Failures::new());
    let keyboard = talk.keyboard(Some(Note::InputEnded));
    let (mut typed, mut piped) =
        if keyboard.is_terminal() { (Some(keyboard), None) } else { (None, Some(keyboard)) };
    if typed.is_none() {
        conversations.end_input();
    }
    loop {
        tokio::select! {
            // Typed lines are taken before a new peer, so that it does not receive earlier lines.
            biased;
            signal = stopped(&stop) => {
                // No other peer is accepted.
                drop(listener);
                all_ended(&mut tasks).await;
                return interrupted(signal);
            }
            expired = expiry(&shown), if !talk.stay_open_after_expiry => {
                all_ended(&mut tasks).await;
                return Err(expired);
            }
            line = next(&mut typed) => match line {
                Some(line) => {
                    if let Err(note) = conversations.send(line) {
                        output::say(note);
                    }
                }
                None => {
                    typed = None;
                    conversations.end_input();
                }
            },
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(channel) => match conversations.begin(channel.peer.subject_id()) {
                    Ok(slot) => {
                        let (talk, piped, stop) = (Arc::clone(talk), piped.take(), stop.clone());
                        let check = check.clone();
                        tasks.spawn(async move { converse(&talk, channel, check, slot, piped, &stop).await });
                    }
                    Err(TooManyConversations) => {
                        let peer = channel.peer.subject_id();
                        failures.say(format_args!("busy: refused one more channel with {peer}"));
                        tasks.spawn(channel.refuse(Code::Busy));
                    }
                },
                Err(error) => {
                    // The CA may have changed its key.
                    if error.is_of_another_key() {
                        shown.ask_soon();
                    }
                    failures.say(CliError::from(error));
                }
            },
        }
    }
}

/// Runs one of several conversations, with the piped input or with the lines of its slot.
async fn converse(
    talk: &TalkArgs,
    channel: Channel,
    check: Option<PeerCheck>,
    mut slot: Slot,
    piped: Option<Keyboard>,
    stop: &Stop,
) {
    let peer = channel.peer.subject_id().to_string();
    let (ended, unsent) = match piped {
        Some(mut keyboard) => {
            let ended = talk.run(channel, check, &mut keyboard, TalkMode::Parallel, stop).await;
            (ended, (!keyboard.has_ended()).then_some(Note::LinesLost { peer, count: None }))
        }
        None => {
            let ended = talk.run(channel, check, &mut slot, TalkMode::Parallel, stop).await;
            let count = slot.unsent();
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

/// Whether a signal ended the conversation. For a listener this is not an error.
fn is_stop(error: &CliError) -> bool {
    error.exit() == Exit::Interrupted
}

/// Waits until all conversations have ended, for [`CLOSING`] at most.
async fn all_ended(tasks: &mut JoinSet<()>) {
    let _ = timeout(CLOSING, async { while tasks.join_next().await.is_some() {} }).await;
}

/// The next typed line; `None` at the end of the input, or if it cannot be read.
async fn next(typed: &mut Option<Keyboard>) -> Option<Line> {
    let Some(keyboard) = typed else { return pending().await };
    let what = "the input could not be read";
    keyboard.next().await.unwrap_or_else(|source| {
        output::say(CliError::from(ClientError::Local { what, source }));
        None
    })
}

/// Shows failures, with a limit on their rate.
struct Failures {
    since: Instant,
    shown: u32,
    suppressed: u32,
}

impl Failures {
    fn new() -> Self {
        Self { since: Instant::now(), shown: 0, suppressed: 0 }
    }

    fn say(&mut self, failure: impl Display) {
        if self.since.elapsed() >= FAILURES_INTERVAL {
            if self.suppressed > 0 {
                output::say(format_args!("{} more connections have failed", self.suppressed));
            }
            *self = Self::new();
        }
        if self.shown < MAX_FAILURES {
            self.shown += 1;
            output::say(failure);
        } else {
            self.suppressed += 1;
        }
    }
}

/// Returns when our certificate has expired. After that no peer accepts us.
async fn expiry(shown: &CurrentIdentity) -> CliError {
    loop {
        let not_after = shown.get().validity().not_after();
        match clock::now() {
            Ok(now) if now <= not_after => sleep(Duration::from_secs(1)).await,
            Ok(_) => {
                let seen =
                    format!("our own certificate expired at {not_after}, so no peer accepts it any more");
                let next = "renew it with `minipki renew`, or enrol a new identity, and listen again";
                return CliError::new(Exit::NotVerified, seen, next);
            }
            Err(error) => return error.into(),
        }
    }
}
