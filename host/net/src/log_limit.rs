//! A limit for log lines that clients cause: the first lines are logged, and later events are counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time after which one more line of a kind can be written.
const INTERVAL: Duration = Duration::from_secs(5);

/// The number of sources that are counted for each kind.
const COUNTED: usize = 32;

/// The number of sources that a summary names.
const NAMED: usize = 3;

/// Limits the log lines of each kind of event.
///
/// The first lines of each kind pass, and then one every 5 seconds. The other events are counted, with the sources
/// that caused most of them. The next line or [`LogLimit::summarize`] has the count. `S` identifies a source.
pub struct LogLimit<S> {
    burst: u32,
    kinds: Mutex<BTreeMap<&'static str, Kind<S>>>,
}

/// The state of one kind of event.
struct Kind<S> {
    /// The number of lines that can be written now.
    credit: u32,
    /// The time up to which `credit` is counted.
    counted_to: Instant,
    left_out: u64,
    sources: HashMap<S, u64>,
}

/// The events of one kind that were not logged since the last line of that kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    count: u64,
    most_from: String,
}

impl LeftOut {
    /// The number of events, if there are any.
    pub fn count(&self) -> Option<u64> {
        (self.count > 0).then_some(self.count)
    }

    /// The sources of most events. The number of each source can be too low, and is never too high.
    pub fn most_from(&self) -> Option<&str> {
        (!self.most_from.is_empty()).then_some(&self.most_from)
    }
}

impl<S: Copy + Eq + Hash + Display> LogLimit<S> {
    /// A limit that lets the first `burst` lines of each kind pass.
    pub const fn new(burst: u32) -> Self {
        Self { burst, kinds: Mutex::new(BTreeMap::new()) }
    }

    /// Counts one event. Returns the events before it that were left out, if a line can be written.
    ///
    /// There must be few different kinds: each is kept in memory.
    pub fn note(&self, kind: &'static str, source: Option<S>) -> Option<LeftOut> {
        self.note_at(kind, source, Instant::now())
    }

    fn note_at(&self, kind: &'static str, source: Option<S>, now: Instant) -> Option<LeftOut> {
        let new = || Kind { credit: self.burst, counted_to: now, left_out: 0, sources: HashMap::new() };
        let mut kinds = self.kinds();
        let kind = kinds.entry(kind).or_insert_with(new);
        if kind.spend(self.burst, now) {
            return Some(kind.take());
        }
        kind.left_out += 1;
        if let Some(source) = source {
            kind.count(source);
        }
        None
    }

    /// Logs the summary of each kind that can have a line again; of every kind if `all`.
    pub fn summarize(&self, all: bool) {
        for (kind, left_out) in self.due(all, Instant::now()) {
            let (more, most_from) = (left_out.count(), left_out.most_from());
            tracing::info!(kind, more, most_from, "events that were not logged one by one");
        }
    }

    /// The omitted events of each kind that can have a line again at `now`; of every kind if `all`. The line counts as
    /// written.
    pub fn due(&self, all: bool, now: Instant) -> Vec<(&'static str, LeftOut)> {
        let mut kinds = self.kinds();
        let waiting = kinds.iter_mut().filter(|(_, kind)| kind.left_out > 0);
        waiting
            .filter_map(|(name, kind)| (kind.spend(self.burst, now) || all).then(|| (*name, kind.take())))
            .collect()
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<&'static str, Kind<S>>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Copy + Eq + Hash + Display> Kind<S> {
    /// Whether a line can be written now. If so, it counts as written.
    fn spend(&mut self, burst: u32, now: Instant) -> bool {
        let earned = now.duration_since(self.counted_to).as_secs() / INTERVAL.as_secs();
        if earned > 0 {
            self.credit =
                u32::try_from(earned).map_or(burst, |earned| self.credit.saturating_add(earned).min(burst));
            self.counted_to = now;
        }
        let can_write = self.credit > 0;
        self.credit = self.credit.saturating_sub(1);
        can_write
    }

    /// Counts an event of `source` by the algorithm of Misra and Gries. A source of more than 1 in 33 events is always
    /// among the counted sources.
    fn count(&mut self, source: S) {
        if self.sources.len() < COUNTED || self.sources.contains_key(&source) {
            *self.sources.entry(source).or_default() += 1;
        } else {
            self.sources.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }

    fn take(&mut self) -> LeftOut {
        let mut sources: Vec<_> = self.sources.drain().collect();
        sources.sort_unstable_by_key(|&(_, count)| std::cmp::Reverse(count));
        let named = sources.iter().take(NAMED).map(|(source, count)| format!("{source} ({count})"));
        LeftOut { count: std::mem::take(&mut self.left_out), most_from: named.collect::<Vec<_>>().join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Option<u32> = Some(7);

    #[test]
    fn the_first_lines_pass_and_the_others_are_counted() {
        let (limit, start) = (LogLimit::new(2), Instant::now());
        for _ in 0..2 {
            assert_eq!(limit.note_at("a", SOURCE, start), Some(LeftOut::default()));
        }
        for _ in 0..1000 {
            assert_eq!(limit.note_at("a", SOURCE, start), None);
        }
        // Each kind has its own lines.
        assert_eq!(limit.note_at("b", SOURCE, start), Some(LeftOut::default()));
        assert_eq!(limit.due(false, start), []);

        let later = start + INTERVAL;
        let left_out = LeftOut { count: 1000, most_from: "7 (1000)".into() };
        assert_eq!(limit.due(false, later), [("a", left_out)]);
        assert_eq!(limit.note_at("a", SOURCE, later), None, "one line in each interval");
        // After a long pause, as many lines pass as at first.
        let much_later = later + INTERVAL * 100;
        let passed = (0..10).filter(|_| limit.note_at("a", SOURCE, much_later).is_some()).count();
        assert_eq!(passed, 2);
        assert_eq!(limit.due(true, much_later).len(), 1, "the last summary has the rest");
    }

    #[test]
    fn the_sources_of_most_events_are_named_however_many_others_there_are() {
        let (limit, start) = (LogLimit::new(1), Instant::now());
        limit.note_at("a", None, start);
        for n in 0..10_000 {
            let source = if n % 2 == 0 { 7 } else { 1000 + n };
            limit.note_at("a", Some(source), start);
        }
        let left_out = limit.note_at("a", None, start + INTERVAL).expect("a line is due");
        assert_eq!(left_out.count(), Some(10_000));
        let named = left_out.most_from().expect("sources");
        assert!(named.starts_with("7 ("), "{named}");
        assert_eq!(named.split(", ").count(), NAMED, "{named}");
    }
}
