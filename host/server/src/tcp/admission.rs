//! The admission of connections: permits, and the displacement of idle connections by new ones.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::Limits;
use crate::events::ConnectionLimit;
use minipki_ca::Source;

/// The permits of a server, with a limit in all and a limit for each source.
///
/// Without a free permit, a new connection displaces a connection of the source with the most permits: the one whose
/// client has sent no valid message for the longest time. If all clients of this source wait for the server, and the
/// source holds more than one permit, one of these connections is displaced. It ends after its answer.
///
/// A source that has its share already can only displace its own connections that have waited for [`Limits::grace`]. So
/// many clients at one address do not displace each other, and a flood displaces few connections.
pub(super) struct Admission(Arc<Mutex<Table>>);

struct Table {
    limits: Limits,
    held: HashMap<u64, Held>,
    by_source: HashMap<Source, usize>,
    /// Displaced connections that still have their sockets.
    ending: HashSet<u64>,
}

struct Held {
    source: Source,
    /// The time since which the server waits for the client; `None` while the client waits for the server.
    waiting_since: Option<Instant>,
    displaced: Arc<Notify>,
}

/// The permit of one connection. It is free again when this is dropped.
pub(super) struct Permit {
    table: Arc<Mutex<Table>>,
    connection: u64,
    displaced: Arc<Notify>,
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        let (held, by_source, ending) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self(Arc::new(Mutex::new(Table { limits, held, by_source, ending })))
    }

    /// A permit for the connection with this new number. If it comes from another connection, that one is notified.
    pub(super) fn admit(
        &self,
        connection: u64,
        source: Source,
        now: Instant,
    ) -> Result<Permit, ConnectionLimit> {
        let mut table = lock(&self.0);
        table.make_room(source, now)?;
        let displaced = Arc::new(Notify::new());
        let held = Held { source, waiting_since: Some(now), displaced: displaced.clone() };
        table.held.insert(connection, held);
        *table.by_source.entry(source).or_default() += 1;
        Ok(Permit { table: self.0.clone(), connection, displaced })
    }
}

impl Table {
    fn make_room(&mut self, source: Source, now: Instant) -> Result<(), ConnectionLimit> {
        let own = self.by_source.get(&source).copied().unwrap_or(0);
        let full = if own >= self.limits.per_source {
            ConnectionLimit::Source
        } else if self.held.len() >= self.limits.connections {
            ConnectionLimit::Server
        } else {
            return Ok(());
        };
        let most = self.by_source.values().copied().max().unwrap_or(0);
        // A displacement must not make this source the one with the most permits.
        let among_its_own = full == ConnectionLimit::Source || (own > 0 && own + 1 >= most);
        // Otherwise a source could keep its permits by requests without a pause.
        let takes_from_busy = !among_its_own && most > 1;
        let (_, since, connection) = self
            .held
            .iter()
            .filter(|(_, held)| {
                if among_its_own {
                    held.source == source
                } else {
                    self.by_source.get(&held.source) == Some(&most)
                }
            })
            .filter(|(_, held)| takes_from_busy || held.waiting_since.is_some())
            // Those that wait for the server come last.
            .map(|(&connection, held)| (held.waiting_since.is_none(), held.waiting_since, connection))
            .min()
            .ok_or(full)?;
        let is_idle = since.is_some_and(|since| now.saturating_duration_since(since) >= self.limits.grace);
        // All connections of a flood reach the grace at once. The other half stays free for other sources.
        let ending = if among_its_own { self.limits.ending.div_ceil(2) } else { self.limits.ending };
        if (among_its_own && !is_idle) || self.ending.len() >= ending {
            return Err(full);
        }
        if let Some(held) = self.remove(connection) {
            self.ending.insert(connection);
            held.displaced.notify_one();
        }
        Ok(())
    }

    fn remove(&mut self, connection: u64) -> Option<Held> {
        let held = self.held.remove(&connection)?;
        if let Some(count) = self.by_source.get_mut(&held.source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&held.source);
            }
        }
        Some(held)
    }
}

impl Permit {
    /// Notes that the server waits for the client, whose last valid message came at `since`.
    pub(super) fn set_waiting_since(&self, since: Instant) {
        self.note(Some(since));
    }

    /// Notes that the client waits for the server. Only a source with fewer permits can displace the connection then,
    /// and its request is answered first.
    pub(super) fn set_busy(&self) {
        self.note(None);
    }

    /// Whether another connection has got this permit.
    pub(super) fn is_displaced(&self) -> bool {
        // The table removes a displaced connection.
        !lock(&self.table).held.contains_key(&self.connection)
    }

    /// Ends when another connection has got this permit.
    pub(super) async fn displaced(&self) {
        self.displaced.notified().await;
    }

    /// Returns the permit, unless this was done already.
    pub(super) fn release(&self) {
        let mut table = lock(&self.table);
        table.remove(self.connection);
        table.ending.remove(&self.connection);
    }

    fn note(&self, waiting_since: Option<Instant>) {
        if let Some(held) = lock(&self.table).held.get_mut(&self.connection) {
            held.waiting_since = waiting_since;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release();
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;

    const ENDING: usize = 10;

    fn source(last: u8) -> Source {
        IpAddr::from(Ipv4Addr::new(192, 0, 2, last)).into()
    }

    /// A source of numbered connections.
    struct Arrivals {
        admission: Admission,
        count: u64,
    }

    impl Arrivals {
        fn new(connections: usize, per_source: usize) -> Self {
            let grace = Duration::from_secs(1);
            let limits = Limits { connections, per_source, grace, ending: ENDING, ..Limits::default() };
            Self { admission: Admission::new(limits), count: 0 }
        }

        fn admit(&mut self, last: u8, now: Instant) -> Result<Permit, ConnectionLimit> {
            self.count += 1;
            self.admission.admit(self.count, source(last), now)
        }
    }

    #[test]
    fn a_source_has_so_many_permits_and_displaces_its_own_after_the_grace() {
        let (mut arrivals, start) = (Arrivals::new(100, 2), Instant::now());
        let first = arrivals.admit(1, start).expect("room");
        let second = arrivals.admit(1, start).expect("room");
        assert_eq!(arrivals.admit(1, start).err(), Some(ConnectionLimit::Source));
        let other = arrivals.admit(2, start).expect("room for others");

        let later = start + Duration::from_secs(1);
        first.set_waiting_since(start + Duration::from_millis(1));
        let third = arrivals.admit(1, later).expect("the permit of an idle connection");
        assert!(second.is_displaced(), "the second has waited longest");
        assert!(![&first, &third, &other].into_iter().any(Permit::is_displaced));
        // The end of a displaced connection frees no permit.
        drop(second);
        assert_eq!(arrivals.admit(1, later).err(), Some(ConnectionLimit::Source));
        drop(first);
        assert!(arrivals.admit(1, later).is_ok());
    }

    #[test]
    fn who_waits_for_the_server_is_not_displaced() {
        let (mut arrivals, start) = (Arrivals::new(100, 2), Instant::now());
        let (first, second) =
            (arrivals.admit(1, start).expect("room"), arrivals.admit(1, start).expect("room"));
        first.set_busy();
        second.set_busy();
        let later = start + Duration::from_secs(60);
        assert_eq!(arrivals.admit(1, later).err(), Some(ConnectionLimit::Source));
        first.set_waiting_since(later);
        assert_eq!(arrivals.admit(1, later).err(), Some(ConnectionLimit::Source), "within the grace");
        assert!(arrivals.admit(1, later + Duration::from_secs(1)).is_ok());
        assert!(first.is_displaced() && !second.is_displaced());
    }

    #[test]
    fn a_newcomer_takes_from_the_source_that_holds_most() {
        let (mut arrivals, start) = (Arrivals::new(6, 3), Instant::now());
        let alone = arrivals.admit(9, start).expect("room");
        let many: Vec<_> = (0..3).map(|_| arrivals.admit(1, start).expect("room")).collect();
        let _two: Vec<_> = (0..2).map(|_| arrivals.admit(2, start).expect("room")).collect();
        let taken = || many.iter().filter(|permit| permit.is_displaced()).count();
        // All permits are held. Source 2 has its share; a new one gets a permit at once.
        assert_eq!(arrivals.admit(2, start).err(), Some(ConnectionLimit::Server));
        let newcomer = arrivals.admit(3, start).expect("a permit of source 1");
        assert_eq!((taken(), alone.is_displaced()), (1, false));
        assert_eq!(
            arrivals.admit(1, start).err(),
            Some(ConnectionLimit::Server),
            "source 1 does not get the permit back"
        );
        assert!(arrivals.admit(4, start).is_ok(), "a permit of source 1 or 2");
        assert!(![&alone, &newcomer].into_iter().any(Permit::is_displaced));
    }

    #[test]
    fn requests_without_a_pause_keep_no_permit_from_a_source_that_holds_none() {
        let (mut arrivals, start) = (Arrivals::new(4, 2), Instant::now());
        let held: Vec<_> = [1, 1, 2, 2].map(|last| arrivals.admit(last, start).expect("room")).into();
        held.iter().for_each(Permit::set_busy);
        let later = start + Duration::from_secs(60);
        held[3].set_waiting_since(later);
        let newcomers: Vec<_> = [3, 4].map(|last| arrivals.admit(last, later).expect("a permit")).into();
        assert!(held[3].is_displaced(), "this one waits for its client");
        assert_eq!(held[..2].iter().filter(|permit| permit.is_displaced()).count(), 1);
        // With one permit each, connections that wait for the server are not displaced.
        newcomers.iter().for_each(Permit::set_busy);
        assert_eq!(arrivals.admit(5, later).err(), Some(ConnectionLimit::Server));
    }

    #[test]
    fn with_one_permit_each_a_new_source_displaces_the_idlest() {
        let (mut arrivals, start) = (Arrivals::new(2, 2), Instant::now());
        let (first, second) =
            (arrivals.admit(1, start).expect("room"), arrivals.admit(2, start).expect("room"));
        first.set_waiting_since(start + Duration::from_millis(1));
        assert_eq!(arrivals.admit(1, start).err(), Some(ConnectionLimit::Server));
        let _third = arrivals.admit(3, start).expect("the permit of the second");
        assert!(second.is_displaced() && !first.is_displaced());
    }

    #[test]
    fn few_displaced_connections_are_open_at_a_time() {
        let (mut arrivals, start) = (Arrivals::new(20, 20), Instant::now());
        let held: Vec<_> = (0..20).map(|_| arrivals.admit(1, start).expect("room")).collect();
        let newcomers: Vec<_> = (2..).map_while(|last| arrivals.admit(last, start).ok()).collect();
        assert_eq!(newcomers.len(), ENDING);
        held.iter().for_each(Permit::release);
        assert!(arrivals.admit(100, start).is_ok());
    }

    #[test]
    fn a_flood_that_displaces_its_own_connections_leaves_room_for_other_sources() {
        let (mut arrivals, start) = (Arrivals::new(20, 20), Instant::now());
        let _held: Vec<_> = (0..20).map(|_| arrivals.admit(1, start).expect("room")).collect();
        let later = start + Duration::from_secs(1);
        let own = (0..20).map_while(|_| arrivals.admit(1, later).ok()).collect::<Vec<_>>();
        assert_eq!(own.len(), ENDING / 2);
        let others: Vec<_> = (2..).map_while(|last| arrivals.admit(last, later).ok()).collect();
        assert_eq!(others.len(), ENDING - ENDING / 2);
    }
}
