//! The measurement of contenders in one run, and the printed ratios.

use std::time::Duration;

use criterion::Criterion;

use crate::{Clock, Contender};

/// The depth of a measurement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Runs everything once, as a test: `cargo test --benches`, or `--test`.
    Once,
    /// Measures alternate turns only: `--quick`.
    Short,
    /// Measures more turns, and adds Criterion's statistics.
    Full,
}

impl Depth {
    /// The time for the turns of one group. Work that waits for a disk varies more, and gets more time.
    const fn time(self, clock: Clock) -> Duration {
        Duration::from_millis(match (self, clock) {
            (Self::Once, _) => 0,
            (Self::Short, Clock::Cpu) => 1500,
            (Self::Short, Clock::Wall) => 5000,
            (Self::Full, Clock::Cpu) => 6000,
            (Self::Full, Clock::Wall) => 20000,
        })
    }
}

/// The minimum time of a turn. Beside it, the time to read the clock is negligible.
const TURN: Duration = Duration::from_micros(200);

/// The minimum and the maximum number of rounds.
const ROUNDS: std::ops::RangeInclusive<usize> = 15..=1001;

/// Runs the groups of a benchmark: the whole `main` of the benchmark.
pub fn run(groups: &[fn(&mut Suite)]) {
    let mut suite = Suite::from_command_line();
    for group in groups {
        group(&mut suite);
    }
    if let Some(criterion) = suite.criterion {
        criterion.final_summary();
    }
}

/// The measurements of a benchmark's groups.
pub struct Suite {
    /// `None` unless the depth is full.
    criterion: Option<Criterion>,
    depth: Depth,
    filter: Option<String>,
}

impl Suite {
    /// Reads Criterion's options `--test` and `--quick`, and a filter for the names of groups.
    fn from_command_line() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
        let depth = match () {
            () if given("--test") || !given("--bench") => Depth::Once,
            () if given("--quick") => Depth::Short,
            () => Depth::Full,
        };
        let filter = arguments.iter().find(|argument| !argument.starts_with('-')).cloned();
        let criterion = (depth == Depth::Full).then(|| {
            Criterion::default()
                .sample_size(20)
                .warm_up_time(Duration::from_millis(300))
                .measurement_time(Duration::from_secs(2))
        });
        Self { criterion, depth, filter }
    }

    /// Whether everything runs only once, on the smallest data.
    pub fn is_test(&self) -> bool {
        self.depth == Depth::Once
    }

    /// Whether the depth is full.
    pub fn is_full(&self) -> bool {
        self.depth == Depth::Full
    }

    /// Whether the filter matches the group of this name.
    pub fn wants(&self, group: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| group.contains(filter.as_str()))
    }

    /// Compares the CPU time of the contenders.
    pub fn compare(&mut self, group: &str, contenders: Vec<Contender<'_>>) {
        self.measure(group, Clock::Cpu, contenders);
    }

    /// Compares the wall-clock time of the contenders, for work that waits.
    pub fn compare_waiting(&mut self, group: &str, contenders: Vec<Contender<'_>>) {
        self.measure(group, Clock::Wall, contenders);
    }

    fn measure(&mut self, group: &str, clock: Clock, mut contenders: Vec<Contender<'_>>) {
        if !self.wants(group) {
            return;
        }
        if let Some(criterion) = &mut self.criterion {
            let mut statistics = criterion.benchmark_group(group);
            for Contender { name, run } in &mut contenders {
                statistics.bench_function(name.as_str(), |bencher| {
                    bencher.iter_custom(|times| run(times.try_into().unwrap_or(u32::MAX), clock));
                });
            }
            statistics.finish();
        }
        let turns = rounds_of_turns(&mut contenders, clock, self.depth);
        for (place, Contender { name, .. }) in contenders.iter().enumerate() {
            let times: Vec<f64> = turns.iter().map(|turn| turn[place]).collect();
            let ratios: Vec<f64> = turns.iter().map(|turn| turn[place] / turn[0]).collect();
            let ([_, time, _], [low, ratio, high]) = (quartiles(times), quartiles(ratios));
            println!("figure | {group} | {name} | {time:.2} µs | {ratio:.2} x | {low:.2}..{high:.2}");
        }
    }
}

/// Prints a figure that was not measured by [`Suite::compare`], in a line of the same form.
pub fn figure(group: &str, name: &str, value: f64, unit: &str, ratio: f64) {
    println!("figure | {group} | {name} | {value:.2} {unit} | {ratio:.2} x | ");
}

/// Prints a fact about the figures, for example a library's version.
pub fn note(what: &str, value: &str) {
    println!("note | {what} | {value}");
}

/// The time of each contender, in microseconds, in each of many rounds.
///
/// A round has a turn for each contender, and ratios are taken within a round. There the speed of the machine hardly
/// changes. Each round begins with another contender.
fn rounds_of_turns(contenders: &mut [Contender<'_>], clock: Clock, depth: Depth) -> Vec<Vec<f64>> {
    let mut counts = Vec::new();
    let mut round = Duration::ZERO;
    for Contender { run, .. } in contenders.iter_mut() {
        let once = run(1, Clock::Wall).min(run(1, Clock::Wall)).max(Duration::from_nanos(1));
        let count = if depth == Depth::Once { 1 } else { TURN.div_duration_f64(once).ceil() as u32 };
        round += once * count;
        counts.push(count);
    }
    let rounds = match depth {
        Depth::Once => 1,
        _ => (depth.time(clock).div_duration_f64(round) as usize).clamp(*ROUNDS.start(), *ROUNDS.end()),
    };
    let number = contenders.len();
    (0..rounds)
        .map(|round| {
            let mut turn = vec![0.0; number];
            for place in (0..number).map(|place| (place + round) % number) {
                let took = (contenders[place].run)(counts[place], clock);
                turn[place] = took.as_secs_f64() * 1e6 / f64::from(counts[place]);
            }
            turn
        })
        .collect()
}

/// The lower quartile, the median and the upper quartile of `values`.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
