//! The connections that are held: anonymous ones, of which the oldest makes room, and those of sessions.
//!
//! A connection is anonymous until a request on it shows a session. A browser with a session always gets in: its new
//! connection takes the place of an anonymous one, and anonymous ones never take the place of a session's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};

/// How many connections are held, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time that have shown no session. One more takes the place of the oldest of them.
    pub anonymous: usize,
    /// How long a connection may stay without showing a session.
    pub anonymous_life: Duration,
    /// Requests without a session on one connection. It closes after the last of them.
    pub anonymous_requests: u32,
    /// Connections of one session at a time. More of them count as anonymous.
    pub session: usize,
}

/// All connections of a server.
pub struct Connections {
    limits: ConnectionLimits,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    opened: u64,
    /// By their numbers, in the order in which they came.
    all: BTreeMap<u64, Connection>,
}

struct Connection {
    /// What ends it. `None` until its task has been started.
    task: Option<AbortHandle>,
    /// The session that its newest request showed; `None` if it showed none.
    session: Option<u64>,
    /// Since when it has shown none, and in how many requests.
    anonymous_since: Instant,
    anonymous_requests: u32,
}

impl Connections {
    /// No connections, and room for as many as `limits` has and the descriptors allow, most of which are the CA's.
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        let anonymous = limits.anonymous.min(minipki_os::descriptor_limit() / 16);
        let limits = ConnectionLimits { anonymous, ..limits };
        Arc::new(Self { limits, held: Mutex::default() })
    }

    /// Starts a task for a new connection. Where there are too many anonymous ones the oldest of them ends.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        serve: impl FnOnce(Arc<Permit>) -> F,
    ) {
        let now = Instant::now();
        let (number, oldest) = {
            let mut held = self.held();
            let oldest = held.make_room(self.limits.anonymous);
            held.opened += 1;
            let number = held.opened;
            let connection =
                Connection { task: None, session: None, anonymous_since: now, anonymous_requests: 0 };
            held.all.insert(number, connection);
            (number, oldest)
        };
        if let Some(oldest) = oldest {
            tracing::debug!("the oldest anonymous connection makes room for another");
            oldest.abort();
        }
        let task = tasks.spawn(serve(Arc::new(Permit { connections: self.clone(), number })));
        // It may be over already.
        if let Some(connection) = self.held().all.get_mut(&number) {
            connection.task = Some(task);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Takes the oldest anonymous connection out if there are `most` or more of them; gives what ends it.
    fn make_room(&mut self, most: usize) -> Option<AbortHandle> {
        let anonymous = || self.all.iter().filter(|(_, connection)| connection.session.is_none());
        if anonymous().count() < most.max(1) {
            return None;
        }
        let (&oldest, _) = anonymous().min_by_key(|(_, connection)| connection.anonymous_since)?;
        self.all.remove(&oldest)?.task
    }
}

/// The place of one connection. It is free again when this is dropped.
pub struct Permit {
    connections: Arc<Connections>,
    number: u64,
}

impl Permit {
    /// Notes the session that a request has shown, if any. Gives whether the connection may carry another request.
    pub fn shows(&self, session: Option<u64>) -> bool {
        let limits = &self.connections.limits;
        let mut held = self.connections.held();
        let others = held.all.iter().filter(|(number, _)| **number != self.number);
        let same = others.filter(|(_, other)| session.is_some() && other.session == session).count();
        // It has been ended to make room.
        let Some(connection) = held.all.get_mut(&self.number) else { return false };
        // A session with too many connections has more only as an anonymous client has.
        let session = session.filter(|_| same < limits.session);
        if session.is_some() || connection.session.is_some() {
            connection.anonymous_since = Instant::now();
            connection.anonymous_requests = 0;
        }
        connection.session = session;
        if session.is_none() {
            connection.anonymous_requests += 1;
        }
        connection.anonymous_requests < limits.anonymous_requests
    }

    /// How long the connection may stay without showing a session. Zero: it has to end.
    pub fn left(&self) -> Duration {
        let life = self.connections.limits.anonymous_life;
        match self.connections.held().all.get(&self.number) {
            Some(Connection { session: Some(_), .. }) => life,
            Some(connection) => life.saturating_sub(connection.anonymous_since.elapsed()),
            None => Duration::ZERO,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connections.held().all.remove(&self.number);
    }
}
