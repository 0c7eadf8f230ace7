//! The common part of `listen` and `connect`: the options of a conversation, and the conversation itself.

use std::future::pending;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use minipki_core::cert::IdBuf;
use minipki_core::trust::{RevocationStatus, StatusPolicy, StatusRule};
use minipki_core::wire::Code;
use tokio::io::{BufReader, Stdin, stdin, stdout};
use tokio::sync::watch;

use super::capture::CaptureArgs;
use super::values::{duration, remote};
use super::{CliError, Exit, advice, output, trace_tap};
use minipki_client::chat::{self, ChatOptions, Input, Limits, Line, Lines, Note, Script, Stop};
use minipki_client::{CaContact, Channel, ChannelOptions, ClientError, Identity, PeerCheck, load_ca_address};
use minipki_net::trace::TapSource;

/// The options of a conversation: the expected peer, the texts to send and to expect, and the limits.
#[derive(clap::Args)]
pub(super) struct TalkArgs {
    /// The subject that the peer must be; without it, any subject of the same CA
    #[arg(long, value_name = "NAME")]
    pub(super) peer_subject: Option<IdBuf>,
    /// Send this text instead of typed lines; may be given several times
    #[arg(long, value_name = "TEXT")]
    send: Vec<String>,
    /// Fail if this text does not arrive; may be given several times
    #[arg(long, value_name = "TEXT")]
    expect: Vec<String>,
    /// The time limit for --send and --expect; for connect, also the time for which the peer may be silent
    /// after the end of the input
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) deadline: Duration,
    /// Close a channel after both sides have been silent for this time
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    idle: Duration,
    /// Keep a channel open after a certificate has expired; without this option it is closed
    #[arg(long)]
    pub(super) stay_open_after_expiry: bool,
    /// Refuse a peer that does not show the CA's statement that its certificate is not revoked
    #[arg(long)]
    require_status: bool,
    /// Refuse a peer whose statement is older than this time; includes --require-status
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_status_age: Option<Duration>,
    /// The CA's address, for the status of our certificate and the peer's; without it, the address of the enrolment
    #[arg(long, value_name = "HOST:PORT", value_parser = remote::<9000>)]
    ca: Option<String>,
    /// The time after which our own status is replaced by a new one, and the CA is asked about the peer again: a channel
    /// to a revoked peer is closed
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(super) status_refresh: Duration,
    /// Accept a peer that has our own key; without this option it is refused
    #[arg(long)]
    allow_self: bool,
    /// Print each message, decoded, with the purpose of each field
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    pub(super) capture: CaptureArgs,
}

/// Whether a conversation is the only one.
#[derive(Clone, Copy)]
pub(super) enum TalkMode {
    /// The only one, with the time for which the peer may be silent after our direction is closed.
    Single(Option<Duration>),
    /// One of several, so each printed line begins with the name of its peer.
    Parallel,
}

impl TalkArgs {
    /// The options for opening a channel as `identity`. `taps` is the capture.
    pub(super) fn options(&self, identity: &Identity, taps: Option<Arc<dyn TapSource>>) -> ChannelOptions {
        let peer = self.peer_subject.as_ref().map_or_else(|| "peer".to_owned(), ToString::to_string);
        let tap = trace_tap(self.trace, identity.subject_id().to_string(), peer);
        let (peer, allow_own_key) = (self.peer_subject.clone(), self.allow_self);
        let rule = match self.max_status_age {
            Some(age) => StatusRule::MaxAge(age.as_secs()),
            None if self.require_status => StatusRule::Required,
            None => StatusRule::Optional,
        };
        let status_policy = StatusPolicy { rule, ..StatusPolicy::default() };
        ChannelOptions { peer, status_policy, tap, taps, allow_own_key, ..ChannelOptions::default() }
    }

    /// The way to the CA of the identity in `folder`, if its address is known.
    pub(super) fn contact(&self, folder: &Path) -> Option<CaContact> {
        self.ca.clone().or_else(|| load_ca_address(folder)).map(CaContact::new)
    }

    /// Standard input. A script reads nothing. When a person ends the input, `at_end` is shown.
    pub(super) fn keyboard(&self, at_end: Option<Note>) -> Keyboard {
        let lines = Lines::new(BufReader::new(stdin()));
        let terminal = !self.is_script() && io::stdin().is_terminal();
        Keyboard { lines, terminal, ended: self.is_script(), at_end: at_end.filter(|_| terminal) }
    }

    fn is_script(&self) -> bool {
        !(self.send.is_empty() && self.expect.is_empty())
    }

    /// The questions about peers to the CA of `identity` in `folder`, if the address of the CA is known.
    pub(super) fn peer_check(&self, folder: &Path, identity: &Identity) -> Option<PeerCheck> {
        let provider = identity.key().provider();
        self.contact(folder).map(|contact| PeerCheck::new(contact, provider, self.status_refresh))
    }

    /// Shows the peer's name, and runs the conversation until both sides have closed, a limit is reached, `stop`, or
    /// the CA has revoked the certificate of the peer.
    pub(super) async fn run(
        &self,
        channel: Channel,
        check: Option<PeerCheck>,
        input: &mut impl Input,
        mode: TalkMode,
        stop: &Stop,
    ) -> Result<(), CliError> {
        let peer = channel.peer.subject_id().to_string();
        let (serial, issuer) = (channel.peer.serial_number(), channel.peer_issuer.clone());
        if let Some(check) = &check
            && !check.admits(serial, &issuer).await
        {
            channel.refuse(Code::CertificateRefused).await;
            let seen = format!("refused {peer}: the CA has revoked its certificate {serial}");
            return Err(CliError::new(Exit::NotVerified, seen, "the peer needs a new certificate"));
        }
        let status = match channel.peer.revocation() {
            RevocationStatus::Good { this_update, .. } => format!(", not revoked at {this_update}"),
            // The peer has shown no usable statement, and our options do not demand one.
            RevocationStatus::NotChecked | RevocationStatus::NoStatus(_) => String::new(),
        };
        output::say(format_args!("open: {peer}, with the certificate {serial}{status}"));
        let (named, after_close) = match mode {
            TalkMode::Single(after_close) => (false, after_close),
            TalkMode::Parallel => (self.peer_subject.is_none(), None),
        };
        let prefix = if named { format!("{peer}: ") } else { String::new() };
        let unsent = AtomicBool::new(false);
        let notes = |note: Note| {
            unsent.fetch_or(note.loses_a_line(), Relaxed);
            output::say(format_args!("{prefix}{note}"));
        };
        let stay_open_after_expiry = self.stay_open_after_expiry;
        let limits = Limits { idle: self.idle, after_close, stay_open_after_expiry };
        let (stated, revoked) = watch::channel(None);
        let (stop, revoked) = (Some(stop), Some(&revoked));
        let options = ChatOptions { prefix: &prefix, limits, notes: &notes, stop, revoked };
        let talking = async {
            if self.is_script() {
                let (send, expect) = (self.send.clone(), self.expect.clone());
                let script = Script { send, expect, deadline: self.deadline };
                chat::run(channel, &script, &mut stdout(), &options).await
            } else {
                chat::converse(channel, input, &mut stdout(), &options).await
            }
        };
        let checking = async {
            if let Some(check) = check {
                stated.send_replace(Some(check.revoked(serial, &issuer).await));
            }
            pending().await
        };
        let ended = tokio::select! {
            ended = talking => ended,
            never = checking => never,
        };
        // The text of this error does not name the peer.
        let unnamed = named && matches!(ended, Err(ClientError::Missing { .. }));
        match &ended {
            // A stop by a signal is an orderly end.
            Ok(()) | Err(ClientError::Stopped { .. }) => output::say(format_args!("{prefix}closed")),
            Err(_) => {}
        }
        ended.map_err(|error| {
            let error = advice::open_channel(error);
            if unnamed { error.with(&peer) } else { error }
        })?;
        if matches!(mode, TalkMode::Single(_)) && unsent.load(Relaxed) {
            let next = "send the lines that are named above in parts or as UTF-8; the other lines were sent";
            return Err(CliError::new(Exit::NotSent, "lines of the input were not sent", next));
        }
        Ok(())
    }
}

/// Standard input: a terminal or a pipe.
pub(super) struct Keyboard {
    lines: Lines<BufReader<Stdin>>,
    terminal: bool,
    ended: bool,
    at_end: Option<Note>,
}

impl Keyboard {
    /// Whether the input is a terminal.
    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether the input has been read to its end.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Waits for `work`. Discards each line that is typed during this time, and shows `note`. Keeps piped input.
    pub(super) async fn discard_during<T>(&mut self, note: &Note, work: impl Future<Output = T>) -> T {
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
