//! One-time links, and the sessions that they open.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use getrandom::{Error as Entropy, SysRng};
use tokio::sync::Semaphore;

use super::options::Limits;
use minipki_ca::{Token, TokenHash};

/// All links and sessions. Secrets are kept as hashes, and found by them: how long that takes
/// tells nothing of a secret.
pub(crate) struct Sessions {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those that were not opened yet, oldest first.
    links: VecDeque<Link>,
    open: HashMap<TokenHash, Session>,
    opened: u64,
}

struct Link {
    secret: TokenHash,
    until: Instant,
    /// The session that it was made in. It ends with that session.
    parent: Option<u64>,
}

struct Session {
    number: u64,
    /// The session that its link was made in. It ends with that session, at the latest when that one does.
    parent: Option<u64>,
    csrf: Arc<Token>,
    streams: Arc<Semaphore>,
    /// Where its newest request came from.
    from: IpAddr,
    began: Instant,
    /// When a person used it last.
    used: Instant,
    ends: Instant,
}

/// Whose request this is: a session that was found open.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// Its number in the audit lines, from 1.
    pub(crate) number: u64,
    /// Seats for its event streams.
    pub(crate) streams: Arc<Semaphore>,
    csrf: Arc<Token>,
    left: Duration,
}

impl Visitor {
    /// What its forms carry to show that they are of these pages.
    pub(crate) fn csrf(&self) -> &str {
        self.csrf.text()
    }

    /// Whether `text` is what its forms carry. Hashes are compared, so that the time this takes
    /// tells nothing.
    pub(crate) fn carries(&self, text: &str) -> bool {
        TokenHash::of(text) == self.csrf.hash()
    }

    /// Minutes until it ends, if it is used till then.
    pub(crate) const fn minutes_left(&self) -> u64 {
        self.left.as_secs() / 60
    }
}

/// A session that a link has opened.
pub(crate) struct Opened {
    /// Its secret, for the cookie.
    pub(crate) secret: Token,
    pub(crate) number: u64,
    /// How long it lasts at most.
    pub(crate) life: Duration,
}

/// An open session, as the Sessions page lists it.
pub(crate) struct Listed {
    pub(crate) number: u64,
    /// The session that its link was made in.
    pub(crate) parent: Option<u64>,
    /// Where its newest request came from.
    pub(crate) from: IpAddr,
    /// How long ago it was opened, and used last by a person.
    pub(crate) began: Duration,
    pub(crate) used: Duration,
    /// How long it lasts at most from now on.
    pub(crate) left: Duration,
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// It was opened before, has run out, or never was.
    Unknown,
    /// There are as many sessions as there may be.
    TooMany,
    /// There are no random numbers.
    Entropy,
}

impl Sessions {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// The secret of a new link. A link made in a session ends with that session, and takes the place of no link but
    /// the session's own.
    ///
    /// # Errors
    /// The random number generator's.
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

    /// Whether a link with this secret can be opened. Asking does not spend it.
    pub(crate) fn is_link(&self, secret: &str) -> bool {
        let hash = TokenHash::of(secret);
        self.current().links.iter().any(|link| link.secret == hash)
    }

    /// Opens a session with a link's secret, which is spent by it.
    ///
    /// # Errors
    /// [`Shut`]; a link is not spent where there are too many sessions.
    pub(crate) fn enter(&self, secret: &str, from: IpAddr) -> Result<Opened, Shut> {
        let (own, csrf) = match (Token::generate(&mut SysRng), Token::generate(&mut SysRng)) {
            (Ok(own), Ok(csrf)) => (own, csrf),
            _ => return Err(Shut::Entropy),
        };
        let hash = TokenHash::of(secret);
        let mut state = self.current();
        let place = state.links.iter().position(|link| link.secret == hash).ok_or(Shut::Unknown)?;
        if state.open.len() >= self.limits.sessions {
            return Err(Shut::TooMany);
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

    /// The open session with this secret. A person's request uses it; a script's own does not.
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
            csrf: session.csrf.clone(),
            left: session.ends.saturating_duration_since(now),
        })
    }

    /// Whether the visitor's session is still open. Asking is not using it.
    pub(crate) fn is_open(&self, visitor: &Visitor) -> bool {
        self.current().find(Some(visitor.number)).is_some()
    }

    /// All open sessions, in the order in which they were opened.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let now = Instant::now();
        let state = self.current();
        let listed = |session: &Session| Listed {
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

    /// Ends a session, and those that were opened by links made in it. Gives the numbers of all that have ended.
    pub(crate) fn end(&self, number: u64) -> Vec<u64> {
        let mut state = self.current();
        let numbers = |state: &State| state.open.values().map(|session| session.number).collect::<Vec<_>>();
        let mut ended = numbers(&state);
        state.open.retain(|_, session| session.number != number);
        state.forget(Instant::now(), self.limits.idle);
        let left = numbers(&state);
        ended.retain(|number| !left.contains(number));
        ended.sort_unstable();
        ended
    }

    /// The state, without what has run out.
    fn current(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.forget(Instant::now(), self.limits.idle);
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

    /// Drops links and sessions that have run out, and those that were made in a session that is over.
    fn forget(&mut self, now: Instant, idle: Duration) {
        self.open
            .retain(|_, session| session.ends > now && now.saturating_duration_since(session.used) < idle);
        loop {
            let numbers: Vec<u64> = self.open.values().map(|session| session.number).collect();
            let lives = |parent: Option<u64>| parent.is_none_or(|parent| numbers.contains(&parent));
            self.open.retain(|_, session| lives(session.parent));
            self.links.retain(|link| link.until > now && lives(link.parent));
            // Those that went may have opened others.
            if self.open.len() == numbers.len() {
                return;
            }
        }
    }
}
