//! One of several implementations of the same work, and the clock that measures it.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The measured kind of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The CPU time of all threads of this process, without other processes.
    Cpu,
    /// The wall-clock time, for work that waits for a disk or for other processes.
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

/// A name, and work that can run any number of times.
pub struct Contender<'a> {
    pub(crate) name: String,
    /// Runs the work the given number of times, and returns the total time.
    pub(crate) run: Box<dyn FnMut(u32, Clock) -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// Work without preparation. After the clock has stopped, `check` panics if the last result of a turn is wrong.
    pub fn new<T: 'a>(
        name: impl Into<String>,
        mut work: impl FnMut() -> T + 'a,
        check: impl FnMut(T) + 'a,
    ) -> Self {
        Self::prepared(name, || (), move |()| work(), check)
    }

    /// Work on a value that `prepare` makes before the clock starts.
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

    /// Divides the time by `count`, for work that does `count` pieces at a time.
    #[must_use]
    pub fn of(mut self, count: u32) -> Self {
        let mut whole = self.run;
        self.run = Box::new(move |times, clock| whole(times, clock) / count);
        self
    }

    /// Runs one turn and returns the mean time of a run, for benchmarks that do not use [`Suite`](crate::Suite).
    pub fn turn(&mut self, times: u32, clock: Clock) -> Duration {
        (self.run)(times, clock) / times
    }
}
