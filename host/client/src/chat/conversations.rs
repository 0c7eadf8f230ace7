//! Conversations side by side: how many there may be, and for which of them a typed line is.

use std::io;
use std::sync::{Arc, Weak};

use minipki_core::cert::{Id, IdBuf};
use minipki_core::limits::{FRAME_BODY, TAG};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Input, Line, Note};
use minipki_net::trace::printable;

/// Conversations at the same time.
const MOST: usize = 64;

/// Conversations at the same time with peers of one name, so that none can take all of them.
const MOST_OF_ONE: usize = 4;

/// Lines that may wait to be sent in one conversation.
const LINES: usize = 64;

/// There are as many conversations as there may be, or as many with this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The conversations that are open, each with a peer. Typed lines are shared out among them.
///
/// A line is for the one peer that is connected. It must begin with `@NAME ` if several are, or if the
/// lines before it were for somebody else: it may have been meant for a peer that has left.
#[derive(Debug, Default)]
pub struct Conversations {
    open: Vec<Conversation>,
    /// Whether nobody types: each conversation only hears.
    hushed: bool,
    /// Only this peer is ever connected: every line is for it, as it stands.
    only: Option<IdBuf>,
    /// For whom a line is that names nobody.
    addressee: Option<IdBuf>,
}

#[derive(Debug)]
struct Conversation {
    peer: IdBuf,
    /// The same as the seat's, and gone with it.
    open: Weak<()>,
    /// `None` if nothing is typed for it.
    lines: Option<mpsc::Sender<Line>>,
}

/// A place among the [`Conversations`]; free again when this is dropped. As an [`Input`], the lines for it.
#[derive(Debug)]
pub struct Seat {
    lines: mpsc::Receiver<Line>,
    _open: Arc<()>,
}

impl Conversations {
    /// No conversations yet. They may be with anybody, or only with peers of the name `only`.
    pub fn new(only: Option<IdBuf>) -> Self {
        Self { only, ..Self::default() }
    }

    /// A place for one with `peer`.
    ///
    /// # Errors
    /// [`Full`], which changes nothing.
    pub fn begin(&mut self, peer: Id<'_>) -> Result<Seat, Full> {
        self.forget_ended();
        let same = self.open.iter().filter(|one| one.peer.as_id() == peer).count();
        if self.open.len() >= MOST || same >= MOST_OF_ONE {
            return Err(Full);
        }
        self.addressee.get_or_insert_with(|| peer.into());
        let open = Arc::new(());
        let (sender, lines) = mpsc::channel(LINES);
        let sender = (!self.hushed).then_some(sender);
        self.open.push(Conversation { peer: peer.into(), open: Arc::downgrade(&open), lines: sender });
        Ok(Seat { lines, _open: open })
    }

    /// Says that no more is typed: each conversation, now and later, only hears.
    pub fn hush(&mut self) {
        self.hushed = true;
        for one in &mut self.open {
            one.lines = None;
        }
    }

    /// Gives `line` to the conversation that it is for, or to each of them if the peer has several.
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn say(&mut self, line: Line) -> Result<(), Note> {
        self.forget_ended();
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
        let mut given = Err(Note::NotConnected { name: peer.to_string() });
        for lines in self.open.iter().filter(|one| one.peer == peer).filter_map(|one| one.lines.as_ref()) {
            match lines.try_send(Line::Text(text.to_owned())) {
                Ok(()) => given = Ok(()),
                Err(TrySendError::Full(_)) if given.is_err() => {
                    given = Err(Note::NotReading { peer: peer.to_string() });
                }
                // It is just ending.
                Err(_) => {}
            }
        }
        self.addressee = Some(peer);
        given
    }

    fn named(&self, name: &str) -> Result<IdBuf, Note> {
        let mut peers = self.open.iter().map(|one| &one.peer);
        let found = peers.find(|peer| peer.as_id().as_str() == name);
        found.cloned().ok_or_else(|| Note::NotConnected { name: printable(name) })
    }

    /// For whom a line is that names nobody.
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

    fn forget_ended(&mut self) {
        self.open.retain(|one| one.open.strong_count() > 0);
    }
}

impl Seat {
    /// Takes no more lines. Returns how many wait that were not sent.
    pub fn unsent(&mut self) -> usize {
        self.lines.close();
        std::iter::from_fn(|| self.lines.try_recv().ok()).count()
    }
}

impl Input for Seat {
    async fn next(&mut self) -> io::Result<Option<Line>> {
        Ok(self.lines.recv().await)
    }

    fn is_shared(&self) -> bool {
        true
    }
}
