//! One-time links, and the sessions that they open.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use getrandom::{Error as Entropy, SysRng};
use tokio::sync::Semaphore;

use super::memory::Memory;
use super::options::Limits;
use minipki_ca::{Token, TokenHash};

/// All links and sessions. Secrets are stored and searched as hashes, so the time of a search reveals nothing about a
/// secret.
pub(crate) struct Sessions {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The unused links, oldest first.
    links: VecDeque<Link>,
    open: HashMap<TokenHash, Session>,
    opened: u64,
}

struct Link {
    secret: TokenHash,
    until: Instant,
    /// The session that made the link. The link becomes invalid when that session ends.
    parent: Option<u64>,
}

struct Session {
    number: u64,
    /// The session that made the link of this session. This session ends with it, or earlier.
    parent: Option<u64>,
    csrf: Arc<Token>,
    streams: Arc<Semaphore>,
    memory: Arc<Memory>,
    /// The address of its newest request.
    from: IpAddr,
    began: Instant,
    /// The time of the last request of a person.
    used: Instant,
    ends: Instant,
}

/// The open session that a request belongs to.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The session's number in the audit lines, from 1.
    pub(crate) number: u64,
    /// The permits for its event streams.
    pub(crate) streams: Arc<Semaphore>,
    /// The message and the last inputs, for the next pages.
    pub(crate) memory: Arc<Memory>,
    csrf: Arc<Token>,
    left: Duration,
}

impl Visitor {
    /// The CSRF token of the session's forms.
    pub(crate) fn csrf(&self) -> &str {
        self.csrf.text()
    }

    /// Whether `text` is the CSRF token. Compares hashes, so that the time reveals nothing about the token.
    pub(crate) fn is_csrf(&self, text: &str) -> bool {
        TokenHash::of(text) == self.csrf.hash()
    }

    /// The minutes until the session ends at the latest.
    pub(crate) const fn minutes_left(&self) -> u64 {
        self.left.as_secs() / 60
    }
}

/// A session that a link has opened.
pub(crate) struct Opened {
    /// The session's secret, for the cookie.
    pub(crate) secret: Token,
    pub(crate) number: u64,
    /// The maximum lifetime.
    pub(crate) life: Duration,
}

/// An open session, for the Sessions page.
pub(crate) struct SessionInfo {
    pub(crate) number: u64,
    /// The session that made its link.
    pub(crate) parent: Option<u64>,
    /// The address of its newest request.
    pub(crate) from: IpAddr,
    /// The time since it was opened.
    pub(crate) began: Duration,
    /// The time since a person used it last.
    pub(crate) used: Duration,
    /// The maximum time that is left.
    pub(crate) left: Duration,
}

/// The reason why a link opens no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// The link was used, has expired, or never existed.
    Unknown,
    /// The limit of sessions is reached.
    TooMany,
    /// There are no random numbers.
    Entropy,
}

impl Sessions {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// The secret of a new link. A link that a session makes becomes invalid when the session ends, and replaces only
    /// links of the same session.
    ///
    /// # Errors
    /// An error of the random number generator.
    pub(crate) fn new_link(&self, parent: Option<&Visitor>) -> Result<Token, Entropy> {
        let secret = Token::generate(&mut SysRng)?;
        let parent = parent.map(|visitor| visitor.number);
        let mut state = self.state();
        let made_by_same = |link: &&Link| link.parent == parent;
        if state.links.iter().filter(made_by_same).count() >= self.limits.links.max(1) {
            let oldest = state.links.iter().position(|link| made_by_same(&link));
            oldest.and_then(|oldest| state.links.remove(oldest));
        }
        state.links.push_back(Link {
            secret: secret.hash(),
            until: Instant::now() + self.limits.link_life,
            parent,
        });
        Ok(secret)
    }

    /// Whether a link with this secret is valid. Does not use the link up.
    pub(crate) fn is_link(&self, secret: &str) -> bool {
        let hash = TokenHash::of(secret);
        self.current().links.iter().any(|link| link.secret == hash)
    }

    /// Opens a session with a link's secret, and uses the link up.
    ///
    /// # Errors
    /// [`LinkError`]; with [`LinkError::TooMany`] the link stays valid.
    pub(crate) fn enter(&self, secret: &str, from: IpAddr) -> Result<Opened, LinkError> {
        let (own, csrf) = match (Token::generate(&mut SysRng), Token::generate(&mut SysRng)) {
            (Ok(own), Ok(csrf)) => (own, csrf),
            _ => return Err(LinkError::Entropy),
        };
        let hash = TokenHash::of(secret);
        let mut state = self.current();
        let place = state.links.iter().position(|link| link.secret == hash).ok_or(LinkError::Unknown)?;
        if state.open.len() >= self.limits.sessions {
            return Err(LinkError::TooMany);
        }
        let parent = state.links.remove(place).and_then(|link| link.parent);
        state.opened += 1;
        let now = Instant::now();
        let ends = now + self.limits.session_life;
        let session = Session {
            number: state.opened,
            parent,
            csrf: Arc::new(csrf),
            streams: Arc::new(Semaphore::new(self.limits.streams)),
            memory: Arc::default(),
            from,
            began: now,
            used: now,
            ends: state.find(parent).map_or(ends, |parent| parent.ends.min(ends)),
        };
        let opened =
            Opened { number: session.number, life: session.ends.saturating_duration_since(now), secret: own };
        state.open.insert(opened.secret.hash(), session);
        Ok(opened)
    }

    /// The open session with this secret. Only the request of a person counts as use of the session.
    pub(crate) fn visit(&self, secret: &str, from: IpAddr, by_person: bool) -> Option<Visitor> {
        let mut state = self.current();
        let session = state.open.get_mut(&TokenHash::of(secret))?;
        let now = Instant::now();
        session.from = from;
        if by_person {
            session.used = now;
        }
        Some(Visitor {
            number: session.number,
            streams: session.streams.clone(),
            memory: session.memory.clone(),
            csrf: session.csrf.clone(),
            left: session.ends.saturating_duration_since(now),
        })
    }

    /// Whether the visitor's session is still open. Does not count as use of the session.
    pub(crate) fn is_open(&self, visitor: &Visitor) -> bool {
        self.current().find(Some(visitor.number)).is_some()
    }

    /// All open sessions, in the order in which they were opened.
    pub(crate) fn list(&self) -> Vec<SessionInfo> {
        let now = Instant::now();
        let state = self.current();
        let listed = |session: &Session| SessionInfo {
            number: session.number,
            parent: session.parent,
            from: session.from,
            began: now.saturating_duration_since(session.began),
            used: now.saturating_duration_since(session.used),
            left: session.ends.saturating_duration_since(now),
        };
        let mut all: Vec<_> = state.open.values().map(listed).collect();
        all.sort_by_key(|session| session.number);
        all
    }

    /// Ends a session, and all sessions that its links opened. Returns the numbers of all ended sessions.
    pub(crate) fn end(&self, number: u64) -> Vec<u64> {
        let mut state = self.current();
        let numbers = |state: &State| state.open.values().map(|session| session.number).collect::<Vec<_>>();
        let mut ended = numbers(&state);
        state.open.retain(|_, session| session.number != number);
        state.remove_expired(Instant::now(), self.limits.idle);
        let left = numbers(&state);
        ended.retain(|number| !left.contains(number));
        ended.sort_unstable();
        ended
    }

    /// The state, without expired links and sessions.
    fn current(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.remove_expired(Instant::now(), self.limits.idle);
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, number: Option<u64>) -> Option<&Session> {
        self.open.values().find(|session| Some(session.number) == number)
    }

    /// Removes expired links and sessions, and those whose parent session has ended.
    fn remove_expired(&mut self, now: Instant, idle: Duration) {
        self.open
            .retain(|_, session| session.ends > now && now.saturating_duration_since(session.used) < idle);
        loop {
            let numbers: Vec<u64> = self.open.values().map(|session| session.number).collect();
            let lives = |parent: Option<u64>| parent.is_none_or(|parent| numbers.contains(&parent));
            self.open.retain(|_, session| lives(session.parent));
            self.links.retain(|link| link.until > now && lives(link.parent));
            // The removed sessions may be parents of others.
            if self.open.len() == numbers.len() {
                return;
            }
        }
    }
}
