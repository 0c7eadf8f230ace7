//! One-time links, and the sessions that they open.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use getrandom::{Error as Entropy, SysRng};
use tokio::sync::Semaphore;

use super::Limits;
use crate::ca::{Token, TokenHash};

/// All links and sessions. Secrets are kept as hashes, and found by them: how long that takes
/// tells nothing of a secret.
pub(super) struct Sessions {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those that were not opened yet, oldest first, and until when they can be.
    links: VecDeque<(TokenHash, Instant)>,
    open: HashMap<TokenHash, Session>,
    opened: u64,
}

struct Session {
    number: u64,
    csrf: Arc<Token>,
    streams: Arc<Semaphore>,
    ends: Instant,
    idle_ends: Instant,
}

/// Whose request this is: a session that was found open.
#[derive(Clone)]
pub(super) struct Visitor {
    /// Its number in the audit lines, from 1.
    pub(super) number: u64,
    /// Seats for its event streams.
    pub(super) streams: Arc<Semaphore>,
    key: TokenHash,
    csrf: Arc<Token>,
    left: Duration,
}

impl Visitor {
    /// What its forms carry to show that they are of these pages.
    pub(super) fn csrf(&self) -> &str {
        self.csrf.text()
    }

    /// Whether `text` is what its forms carry. Hashes are compared, so that the time this takes
    /// tells nothing.
    pub(super) fn carries(&self, text: &str) -> bool {
        TokenHash::of(text) == self.csrf.hash()
    }

    /// Minutes until it ends, if it is used till then.
    pub(super) const fn minutes_left(&self) -> u64 {
        self.left.as_secs() / 60
    }
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shut {
    /// It was opened before, has run out, or never was.
    Unknown,
    /// There are as many sessions as there may be.
    TooMany,
    /// There are no random numbers.
    Entropy,
}

impl Sessions {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// The secret of a new link.
    ///
    /// # Errors
    /// The random number generator's.
    pub(super) fn new_link(&self) -> Result<Token, Entropy> {
        let secret = Token::generate(&mut SysRng)?;
        let mut state = self.state();
        while state.links.len() >= self.limits.links.max(1) {
            state.links.pop_front();
        }
        state.links.push_back((secret.hash(), Instant::now() + self.limits.link_life));
        Ok(secret)
    }

    /// Opens a session with a link's secret, which is spent by it. Gives the session's secret.
    ///
    /// # Errors
    /// [`Shut`]; a link is not spent where there are too many sessions.
    pub(super) fn enter(&self, secret: &str) -> Result<(Token, u64), Shut> {
        let (own, csrf) = match (Token::generate(&mut SysRng), Token::generate(&mut SysRng)) {
            (Ok(own), Ok(csrf)) => (own, csrf),
            _ => return Err(Shut::Entropy),
        };
        let now = Instant::now();
        let mut state = self.state();
        state.forget(now);
        let hash = TokenHash::of(secret);
        let place = state.links.iter().position(|(link, _)| *link == hash).ok_or(Shut::Unknown)?;
        if state.open.len() >= self.limits.sessions {
            return Err(Shut::TooMany);
        }
        state.links.remove(place);
        state.opened += 1;
        let session = Session {
            number: state.opened,
            csrf: Arc::new(csrf),
            streams: Arc::new(Semaphore::new(self.limits.streams)),
            ends: now + self.limits.session_life,
            idle_ends: now + self.limits.idle,
        };
        state.open.insert(own.hash(), session);
        Ok((own, state.opened))
    }

    /// The open session with this secret, used now.
    pub(super) fn visit(&self, secret: &str) -> Option<Visitor> {
        let now = Instant::now();
        let mut state = self.state();
        state.forget(now);
        let key = TokenHash::of(secret);
        let session = state.open.get_mut(&key)?;
        session.idle_ends = now + self.limits.idle;
        Some(Visitor {
            number: session.number,
            streams: session.streams.clone(),
            key,
            csrf: session.csrf.clone(),
            left: session.ends.saturating_duration_since(now),
        })
    }

    /// Whether the visitor's session is still open. Asking is not using it.
    pub(super) fn is_open(&self, visitor: &Visitor) -> bool {
        let mut state = self.state();
        state.forget(Instant::now());
        state.open.contains_key(&visitor.key)
    }

    /// Ends the visitor's session.
    pub(super) fn leave(&self, visitor: &Visitor) {
        self.state().open.remove(&visitor.key);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops what has run out.
    fn forget(&mut self, now: Instant) {
        self.links.retain(|(_, until)| *until > now);
        self.open.retain(|_, session| session.ends > now && session.idle_ends > now);
    }
}
