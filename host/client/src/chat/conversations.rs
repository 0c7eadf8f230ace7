//! Several conversations at the same time: their maximum number, and the recipient of each typed line.

use std::io;
use std::sync::{Arc, Weak};

use minipki_core::cert::{Id, IdBuf};
use minipki_core::limits::{FRAME_BODY, TAG};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Input, Line, Note};
use minipki_net::trace::printable;

/// The maximum number of conversations.
const MAX_CONVERSATIONS: usize = 64;

/// The maximum number of conversations with one subject, so that one peer cannot take all of them.
const MAX_PER_SUBJECT: usize = 4;

/// The maximum number of lines that wait to be sent in one conversation.
const LINES: usize = 64;

/// The limit of conversations is reached, in total or for this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyConversations;

/// The open conversations, each with a peer. Distributes typed lines among them.
///
/// A line goes to the connected peer. It must begin with `@NAME ` if several peers are connected, or if the lines
/// before it were for another peer, since the user may have meant a peer that has left.
#[derive(Debug, Default)]
pub struct Conversations {
    open: Vec<Conversation>,
    /// Whether the input has ended, so that each conversation only receives.
    input_ended: bool,
    /// If set, each peer has this name, and each line is sent to it unchanged.
    only: Option<IdBuf>,
    /// The recipient of the last line, or the first peer.
    addressee: Option<IdBuf>,
}

#[derive(Debug)]
struct Conversation {
    peer: IdBuf,
    /// Refers to the [`Slot`], to detect when it is dropped.
    open: Weak<()>,
    /// `None` after the end of the input.
    lines: Option<mpsc::Sender<Line>>,
}

/// The slot of a conversation among the [`Conversations`]. Dropping it frees the slot. As an [`Input`], it returns the
/// lines for this conversation.
#[derive(Debug)]
pub struct Slot {
    lines: mpsc::Receiver<Line>,
    _open: Arc<()>,
}

impl Conversations {
    /// No conversations. If `only` is given, each peer has this name.
    pub fn new(only: Option<IdBuf>) -> Self {
        Self { only, ..Self::default() }
    }

    /// Adds a conversation with `peer`.
    ///
    /// # Errors
    /// [`TooManyConversations`].
    pub fn begin(&mut self, peer: Id<'_>) -> Result<Slot, TooManyConversations> {
        self.remove_ended();
        let same = self.open.iter().filter(|one| one.peer.as_id() == peer).count();
        if self.open.len() >= MAX_CONVERSATIONS || same >= MAX_PER_SUBJECT {
            return Err(TooManyConversations);
        }
        self.addressee.get_or_insert_with(|| peer.into());
        let open = Arc::new(());
        let (sender, lines) = mpsc::channel(LINES);
        let sender = (!self.input_ended).then_some(sender);
        self.open.push(Conversation { peer: peer.into(), open: Arc::downgrade(&open), lines: sender });
        Ok(Slot { lines, _open: open })
    }

    /// Ends the input of all conversations, now and later. They only receive from then on.
    pub fn end_input(&mut self) {
        self.input_ended = true;
        for one in &mut self.open {
            one.lines = None;
        }
    }

    /// Passes `line` to the conversation with its recipient, or to each of them if there are several.
    ///
    /// # Errors
    /// The reason why the line is not sent.
    pub fn send(&mut self, line: Line) -> Result<(), Note> {
        self.remove_ended();
        let text = match line {
            Line::Text(text) => text,
            Line::TooLong => return Err(Note::LineTooLong { limit: FRAME_BODY - TAG }),
            Line::NotText => return Err(Note::LineNotText),
        };
        let (peer, text) = match text.strip_prefix('@') {
            Some(addressed) if self.only.is_none() => {
                let (name, text) = addressed.split_once(' ').unwrap_or((addressed, ""));
                (self.named(name)?, text)
            }
            _ => (self.implied()?, text.as_str()),
        };
        let mut sent = Err(Note::NotConnected { name: peer.to_string() });
        for lines in self.open.iter().filter(|one| one.peer == peer).filter_map(|one| one.lines.as_ref()) {
            match lines.try_send(Line::Text(text.to_owned())) {
                Ok(()) => sent = Ok(()),
                Err(TrySendError::Full(_)) if sent.is_err() => {
                    sent = Err(Note::NotReading { peer: peer.to_string() });
                }
                // The conversation is ending.
                Err(_) => {}
            }
        }
        self.addressee = Some(peer);
        sent
    }

    fn named(&self, name: &str) -> Result<IdBuf, Note> {
        let mut peers = self.open.iter().map(|one| &one.peer);
        let found = peers.find(|peer| peer.as_id().as_str() == name);
        found.cloned().ok_or_else(|| Note::NotConnected { name: printable(name) })
    }

    /// The recipient of a line without a name.
    fn implied(&self) -> Result<IdBuf, Note> {
        let mut connected: Vec<_> = self.open.iter().map(|one| one.peer.clone()).collect();
        connected.sort_unstable();
        connected.dedup();
        match (connected.as_slice(), &self.addressee) {
            ([], _) => Err(Note::NobodyConnected),
            ([now], Some(before)) if now != before => {
                Err(Note::PeerChanged { before: before.to_string(), now: now.to_string() })
            }
            ([now], _) => Ok(now.clone()),
            _ => Err(Note::NotAddressed { connected: connected.iter().map(ToString::to_string).collect() }),
        }
    }

    fn remove_ended(&mut self) {
        self.open.retain(|one| one.open.strong_count() > 0);
    }
}

impl Slot {
    /// Closes the queue of lines. Returns the number of lines that were not sent.
    pub fn unsent(&mut self) -> usize {
        self.lines.close();
        std::iter::from_fn(|| self.lines.try_recv().ok()).count()
    }
}

impl Input for Slot {
    async fn next(&mut self) -> io::Result<Option<Line>> {
        Ok(self.lines.recv().await)
    }

    fn is_shared(&self) -> bool {
        true
    }
}
