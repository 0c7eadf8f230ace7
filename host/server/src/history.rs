//! The event sink that remembers refusals: their numbers over the last hour, day and month, and the newest of them. The
//! ledger does not have them. It uses a fixed amount of memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use minipki_core::time::UnixTime;
use minipki_core::wire::Code;
use minipki_os::clock;

use super::events::{CaEvent, EventSink, Origin};

/// The number of refusals that are kept with their reasons.
const NEWEST: usize = 20;

/// The maximum number of bytes of a reason.
const REASON: usize = 300;

/// A span of time until now, in parts of the same length. A part begins at a multiple of its length since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 30 days.
    Month,
}

impl Span {
    /// All spans, the shortest one first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// The number of parts.
    pub const fn parts(self) -> usize {
        match self {
            Self::Hour => 60,
            Self::Day => 24,
            Self::Month => 30,
        }
    }

    /// The length of a part in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Hour => 60,
            Self::Day => 3600,
            Self::Month => 86_400,
        }
    }

    /// The number of the part that contains `now`, counted from 1970.
    const fn part(self, now: UnixTime) -> u64 {
        now.get() / self.seconds()
    }

    /// The starts of all parts, the earliest first, and the end of the last part.
    pub fn bounds(self, now: UnixTime) -> Vec<UnixTime> {
        let end = self.part(now) + 1;
        let first = end.saturating_sub(self.parts() as u64);
        (first..=end).map(|part| UnixTime::new(part * self.seconds()).unwrap_or(now)).collect()
    }
}

/// A refused request or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    /// The time.
    pub at: UnixTime,
    /// The subject, or the certificate that the request is about, if known.
    pub subject: Option<String>,
    /// The code that the client gets.
    pub code: &'static str,
    /// The reason, as in the log.
    pub reason: String,
}

/// The numbers of one span: each with the number of its part.
struct Counts {
    span: Span,
    parts: Vec<(u64, u64)>,
}

impl Counts {
    fn new(span: Span) -> Self {
        Self { span, parts: vec![(0, 0); span.parts()] }
    }

    fn add(&mut self, now: UnixTime) {
        let number = self.span.part(now);
        let place = number as usize % self.span.parts();
        if let Some((part, count)) = self.parts.get_mut(place) {
            if *part != number {
                (*part, *count) = (number, 0);
            }
            *count += 1;
        }
    }

    fn until(&self, now: UnixTime) -> Vec<u64> {
        let end = self.span.part(now) + 1;
        let first = end.saturating_sub(self.span.parts() as u64);
        let count = |number: u64| {
            let kept = self.parts.get(number as usize % self.span.parts());
            kept.filter(|(part, _)| *part == number).map_or(0, |(_, count)| *count)
        };
        (first..end).map(count).collect()
    }
}

struct State {
    counts: [Counts; 3],
    /// The newest one first.
    newest: VecDeque<RefusedRequest>,
}

/// The refusals since the start of the process.
pub struct History(Mutex<State>);

impl Default for History {
    fn default() -> Self {
        Self(Mutex::new(State { counts: Span::ALL.map(Counts::new), newest: VecDeque::new() }))
    }
}

impl History {
    /// The number of refusals in each part of `span` until `now`, the earliest first.
    pub fn refused(&self, span: Span, now: UnixTime) -> Vec<u64> {
        let state = self.state();
        let counts = state.counts.iter().find(|counts| counts.span == span);
        counts.map(|counts| counts.until(now)).unwrap_or_default()
    }

    /// The newest refusals, the newest one first.
    pub fn newest(&self) -> Vec<RefusedRequest> {
        self.state().newest.iter().cloned().collect()
    }

    fn add(&self, now: UnixTime, subject: Option<String>, code: Code, mut reason: String) {
        reason.truncate(reason.floor_char_boundary(REASON));
        let mut state = self.state();
        state.counts.iter_mut().for_each(|counts| counts.add(now));
        state.newest.truncate(NEWEST - 1);
        state.newest.push_front(RefusedRequest { at: now, subject, code: code.as_str(), reason });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for History {
    fn take(&self, _origin: Origin, event: CaEvent<'_>) {
        let (subject, code, reason) = match event {
            CaEvent::Refused { request, code, reason } => (Some(request.subject.to_string()), code, reason),
            CaEvent::RefusedAbout { serial, code, reason, .. } => {
                (Some(format!("certificate {serial}")), code, reason)
            }
            CaEvent::Malformed { code, reason } => (None, code, reason),
            _ => return,
        };
        // With a wrong clock, a refusal has no place in a chart.
        let Ok(now) = clock::now() else { return };
        self.add(now, subject, code, reason.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: u64) -> UnixTime {
        UnixTime::new(seconds).expect("a time")
    }

    #[test]
    fn refusals_are_counted_in_the_part_of_their_time_and_forgotten_after_the_span() {
        let history = History::default();
        let add = |seconds| history.add(time(seconds), None, Code::Busy, "x".repeat(2 * REASON));
        add(600_000_000);
        add(600_000_059);
        add(600_000_060);
        let hour = |seconds| history.refused(Span::Hour, time(seconds));
        assert_eq!(hour(600_000_119)[58..], [2, 1]);
        assert_eq!(hour(600_000_119 + 58 * 60)[..2], [2, 1]);
        assert_eq!(hour(600_000_119 + 59 * 60)[..2], [1, 0]);
        assert_eq!(hour(600_000_119 + 60 * 60), [0; 60]);
        // The same place of the ring is used again.
        add(600_000_000 + 3600);
        assert_eq!(hour(600_000_000 + 3600)[59], 1);
        assert_eq!(history.refused(Span::Month, time(600_000_119))[29], 4);
        for _ in 0..2 * NEWEST {
            add(700_000_000);
        }
        let newest = history.newest();
        assert_eq!((newest.len(), newest[0].at, newest[0].reason.len()), (NEWEST, time(700_000_000), REASON));
    }

    #[test]
    fn the_parts_of_a_span_end_after_now() {
        for span in Span::ALL {
            let bounds = span.bounds(time(1_000_000_123));
            assert_eq!(bounds.len(), span.parts() + 1);
            let [.., start, end] = bounds[..] else { panic!("two bounds") };
            assert!(start <= time(1_000_000_123) && time(1_000_000_123) < end);
            assert_eq!(end.get() - start.get(), span.seconds());
        }
    }
}
