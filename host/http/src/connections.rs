//! The table of open connections: anonymous connections, and connections of sessions.
//!
//! A connection is anonymous until a request on it has a session. A new connection closes the oldest anonymous one when
//! there are too many. It never closes a connection of a session, so a browser with a session always gets in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};

/// The limits of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The number of anonymous connections at a time. One more closes the oldest of them.
    pub anonymous: usize,
    /// The lifetime of a connection without a session.
    pub anonymous_life: Duration,
    /// The number of requests without a session on one connection. The connection closes after the last one.
    pub anonymous_requests: u32,
    /// The number of connections of one session at a time. More connections count as anonymous.
    pub session: usize,
}

/// All connections of a server.
pub struct Connections {
    limits: ConnectionLimits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// The number of the newest connection.
    newest: u64,
    /// The open connections by their numbers.
    open: BTreeMap<u64, Connection>,
}

struct Connection {
    /// The handle that ends the connection. `None` until its task is started.
    task: Option<AbortHandle>,
    /// The session of the newest request, if it had one.
    session: Option<u64>,
    /// The start of the time without a session.
    anonymous_since: Instant,
    /// The number of requests since then.
    anonymous_requests: u32,
}

impl Connections {
    /// An empty table. The anonymous connections get at most a sixteenth of the descriptors: the CA needs most of them.
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        let anonymous = limits.anonymous.min(minipki_os::descriptor_limit() / 16);
        let limits = ConnectionLimits { anonymous, ..limits };
        Arc::new(Self { limits, table: Mutex::default() })
    }

    /// Starts a task for a new connection. If there are too many anonymous connections, ends the oldest one.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        serve: impl FnOnce(Arc<Permit>) -> F,
    ) {
        let now = Instant::now();
        let (number, oldest) = {
            let mut table = self.table();
            let oldest = table.make_room(self.limits.anonymous);
            table.newest += 1;
            let number = table.newest;
            let connection =
                Connection { task: None, session: None, anonymous_since: now, anonymous_requests: 0 };
            table.open.insert(number, connection);
            (number, oldest)
        };
        if let Some(oldest) = oldest {
            tracing::debug!("the oldest anonymous connection is closed for a new one");
            oldest.abort();
        }
        let task = tasks.spawn(serve(Arc::new(Permit { connections: self.clone(), number })));
        // The connection may have ended already.
        if let Some(connection) = self.table().open.get_mut(&number) {
            connection.task = Some(task);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Removes the oldest anonymous connection if there are `limit` or more of them. Returns the handle of its task.
    fn make_room(&mut self, limit: usize) -> Option<AbortHandle> {
        let anonymous = || self.open.iter().filter(|(_, connection)| connection.session.is_none());
        if anonymous().count() < limit.max(1) {
            return None;
        }
        let (&oldest, _) = anonymous().min_by_key(|(_, connection)| connection.anonymous_since)?;
        self.open.remove(&oldest)?.task
    }
}

/// The permit of one connection. It is free again when this is dropped.
pub struct Permit {
    connections: Arc<Connections>,
    number: u64,
}

impl Permit {
    /// Notes the session of a request, if it has one. Returns whether the connection can carry another request.
    pub fn shows(&self, session: Option<u64>) -> bool {
        let limits = &self.connections.limits;
        let mut table = self.connections.table();
        let others = table.open.iter().filter(|(number, _)| **number != self.number);
        let same = others.filter(|(_, other)| session.is_some() && other.session == session).count();
        // A connection that is not in the table was closed for a new one.
        let Some(connection) = table.open.get_mut(&self.number) else { return false };
        // The connections of a session beyond its limit count as anonymous.
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

    /// The remaining time for a request with a session. At zero, the connection must end.
    pub fn left(&self) -> Duration {
        let life = self.connections.limits.anonymous_life;
        match self.connections.table().open.get(&self.number) {
            Some(Connection { session: Some(_), .. }) => life,
            Some(connection) => life.saturating_sub(connection.anonymous_since.elapsed()),
            None => Duration::ZERO,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.number);
    }
}
