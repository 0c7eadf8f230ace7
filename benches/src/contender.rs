//! One of several ways to do the same work, and the clock it is measured by.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What time is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// What all threads of this process have computed: others' work on the machine is not in it.
    Cpu,
    /// What a clock on the wall shows, for work that waits for a disk or for others.
    Wall,
}

impl Clock {
    fn now(self) -> Duration {
        let time = clock_gettime(match self {
            Self::Cpu => ClockId::ProcessCPUTime,
            Self::Wall => ClockId::Monotonic,
        });
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    }
}

/// A name, and work that can be run as often as asked.
pub struct Contender<'a> {
    pub(crate) name: String,
    /// Runs so many times; returns how long that took.
    pub(crate) run: Box<dyn FnMut(u32, Clock) -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// Work that needs nothing made ready. `check` panics unless its result is right; it is given
    /// the last one of each turn, after the clock has stopped.
    pub fn new<T: 'a>(
        name: impl Into<String>,
        mut work: impl FnMut() -> T + 'a,
        check: impl FnMut(T) + 'a,
    ) -> Self {
        Self::prepared(name, || (), move |()| work(), check)
    }

    /// Work on what `prepare` has made before the clock starts.
    pub fn prepared<S: 'a, T: 'a>(
        name: impl Into<String>,
        mut prepare: impl FnMut() -> S + 'a,
        mut work: impl FnMut(S) -> T + 'a,
        mut check: impl FnMut(T) + 'a,
    ) -> Self {
        let run = move |times, clock: Clock| {
            let ready: Vec<S> = (0..times).map(|_| prepare()).collect();
            let mut last = None;
            let start = clock.now();
            for one in ready {
                last = Some(black_box(work(black_box(one))));
            }
            let took = clock.now() - start;
            check(last.expect("a turn is at least one time"));
            took
        };
        Self { name: name.into(), run: Box::new(run) }
    }

    /// For work that does `count` pieces at a time: the time of one.
    #[must_use]
    pub fn of(mut self, count: u32) -> Self {
        let mut whole = self.run;
        self.run = Box::new(move |times, clock| whole(times, clock) / count);
        self
    }

    /// The time of one, in a turn of so many: for who lays out the turns by itself, and not by [`Suite`](crate::Suite).
    pub fn turn(&mut self, times: u32, clock: Clock) -> Duration {
        (self.run)(times, clock) / times
    }
}
