//! The limits on the certificates for a key, a name and a source within an hour. The counts are in memory only, in
//! tables of a bounded size.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;

use minipki_core::cert::IdBuf;
use minipki_core::time::UnixTime;

use super::{IssueRequest, Possession, Source};

/// Limits on the certificates recorded within an hour. Repeated answers do not count. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// For one proven X25519 key, under all names.
    pub key: Option<NonZeroU32>,
    /// For one subject, with all keys and tokens.
    pub name: Option<NonZeroU32>,
    /// For one IPv4 address or IPv6 /64 network.
    pub source: Option<NonZeroU32>,
    /// Statuses and answers by OCSP that are signed for one such network. An earlier one that is sent again does not count.
    pub statuses: Option<NonZeroU32>,
}

impl RateLimits {
    /// No limits at all.
    pub const NONE: Self = Self { key: None, name: None, source: None, statuses: None };
}

impl Default for RateLimits {
    /// 60 for a key and for a name, 10,000 for a source. A device needs one certificate for weeks. A fleet behind one
    /// address can enrol 100,000 devices on one day. 40,000 statuses for a source: a device needs a few for a day.
    fn default() -> Self {
        Self {
            key: NonZeroU32::new(60),
            name: NonZeroU32::new(60),
            source: NonZeroU32::new(10_000),
            statuses: NonZeroU32::new(40_000),
        }
    }
}

/// The certificates issued within the last hour, counted for each limit.
pub(super) struct Rates {
    keys: Meter<[u8; 32]>,
    names: Meter<IdBuf>,
    sources: Meter<Source>,
    statuses: Meter<Source>,
}

impl Rates {
    pub(super) fn new(limits: RateLimits) -> Self {
        Self {
            keys: Meter::new(limits.key),
            names: Meter::new(limits.name),
            sources: Meter::new(limits.source),
            statuses: Meter::new(limits.statuses),
        }
    }

    /// Counts a status that is signed for `source`; returns whether the limit allows it.
    pub(super) fn take_status(&mut self, source: Option<Source>, now: UnixTime) -> bool {
        let allowed = source.is_none_or(|source| self.statuses.allows(&source, now));
        if allowed {
            source.into_iter().for_each(|source| self.statuses.add(source, now));
        }
        allowed
    }

    /// Counts a certificate for `request`; returns whether all limits allow it. If one does not, nothing is counted.
    pub(super) fn take(&mut self, request: &IssueRequest, now: UnixTime) -> bool {
        let key = proven_key(request);
        let allowed = key.is_none_or(|key| self.keys.allows(&key, now))
            && self.names.allows(&request.subject_id, now)
            && request.source.is_none_or(|source| self.sources.allows(&source, now));
        if allowed {
            key.into_iter().for_each(|key| self.keys.add(key, now));
            self.names.add(request.subject_id.clone(), now);
            request.source.into_iter().for_each(|source| self.sources.add(source, now));
        }
        allowed
    }

    /// Undoes [`Rates::take`] for a certificate that was not issued.
    pub(super) fn give_back(&mut self, request: &IssueRequest) {
        proven_key(request).iter().for_each(|key| self.keys.remove(key));
        self.names.remove(&request.subject_id);
        request.source.iter().for_each(|source| self.sources.remove(source));
    }
}

/// The key, if it was proven. In the classic form a stranger could use up the limit of a key.
fn proven_key(request: &IssueRequest) -> Option<[u8; 32]> {
    (request.possession != Possession::None).then_some(*request.subject_key.as_bytes())
}

/// An hour in microseconds, the unit of all times below.
const HOUR: u64 = 3_600_000_000;

/// The maximum number of entries in a table. All three tables take some megabytes.
const CAPACITY: usize = 1 << 14;

/// A rate limit for each `K`: the generic cell rate algorithm (ITU-T I.371). An entry is the time at which the whole
/// limit is available again. Each certificate adds its share of an hour to that time. It is at most an hour ahead of
/// now.
struct Meter<K> {
    /// The share of an hour that one certificate takes; `None` without a limit.
    share: Option<u64>,
    entries: HashMap<K, u64>,
}

impl<K: Hash + Eq> Meter<K> {
    fn new(limit: Option<NonZeroU32>) -> Self {
        Self { share: limit.map(|limit| HOUR / u64::from(limit.get())), entries: HashMap::new() }
    }

    fn allows(&self, key: &K, now: UnixTime) -> bool {
        self.share.is_none_or(|share| self.start(key, now) + share <= micros(now) + HOUR)
    }

    fn add(&mut self, key: K, now: UnixTime) {
        let Some(share) = self.share else { return };
        let time = self.start(&key, now) + share;
        if self.entries.len() >= CAPACITY && !self.entries.contains_key(&key) {
            self.drop_half();
        }
        self.entries.insert(key, time);
    }

    fn remove(&mut self, key: &K) {
        if let (Some(share), Some(time)) = (self.share, self.entries.get_mut(key)) {
            *time = time.saturating_sub(share);
        }
    }

    /// The time at which the next share begins. An entry more than an hour ahead is ignored: the clock was set back.
    fn start(&self, key: &K, now: UnixTime) -> u64 {
        let now = micros(now);
        self.entries.get(key).copied().filter(|time| *time <= now + HOUR).unwrap_or(now).max(now)
    }

    /// Makes room: drops the half that has used least of its limit.
    fn drop_half(&mut self) {
        let mut times: Vec<_> = self.entries.values().copied().collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.entries.retain(|_, time| *time > median);
    }
}

const fn micros(time: UnixTime) -> u64 {
    time.get().saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::new(1_800_000_000 + seconds).expect("a time")
    }

    /// The number of certificates that the meter allows `key` at this time.
    fn allowed(meter: &mut Meter<u32>, key: u32, now: UnixTime) -> usize {
        let mut count = 0;
        while meter.allows(&key, now) {
            meter.add(key, now);
            count += 1;
        }
        count
    }

    #[test]
    fn an_hour_has_its_number_and_no_more() {
        let mut meter = Meter::new(NonZeroU32::new(7));
        assert_eq!(allowed(&mut meter, 1, at(0)), 7);
        assert_eq!(allowed(&mut meter, 1, at(600)), 1, "a seventh of an hour has passed");
        assert_eq!(allowed(&mut meter, 2, at(600)), 7, "each key has its own");
        assert_eq!(allowed(&mut meter, 1, at(100_000)), 7);
        meter.remove(&1);
        assert_eq!(allowed(&mut meter, 1, at(100_000)), 1, "one was given back");
        // After the clock was set back the limit is available.
        assert_eq!(allowed(&mut meter, 1, at(0)), 7);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_has_used_least() {
        let mut meter = Meter::new(NonZeroU32::new(3));
        assert_eq!(allowed(&mut meter, 0, at(0)), 3);
        for key in 1..200_000 {
            meter.add(key, at(0));
            assert!(meter.entries.len() <= CAPACITY);
        }
        assert_eq!(allowed(&mut meter, 0, at(0)), 0, "its limit was not forgotten");
    }
}
