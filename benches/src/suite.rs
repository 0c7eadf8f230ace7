//! Measures contenders side by side and prints the ratios.

use std::time::Duration;

use criterion::Criterion;

use crate::{Clock, Contender};

/// How thoroughly to measure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Everything once, as a test: `cargo test --benches`, or `--test`.
    Once,
    /// Turn by turn only: `--quick`.
    Short,
    /// Criterion's statistics besides, and more turns.
    Full,
}

impl Depth {
    /// How long the turns of one group may take. What waits for a disk varies more, and has more turns.
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

/// A turn lasts at least this long, so that looking at the clock does not count.
const TURN: Duration = Duration::from_micros(200);

/// How many turns there are at least and at most.
const ROUNDS: std::ops::RangeInclusive<usize> = 15..=1001;

/// Runs what a benchmark consists of; the whole of its `main`.
pub fn run(groups: &[fn(&mut Suite)]) {
    let mut suite = Suite::from_command_line();
    for group in groups {
        group(&mut suite);
    }
    if let Some(criterion) = suite.criterion {
        criterion.final_summary();
    }
}

/// Where a benchmark's groups of contenders are measured.
pub struct Suite {
    /// For the full depth alone.
    criterion: Option<Criterion>,
    depth: Depth,
    filter: Option<String>,
}

impl Suite {
    /// Understands criterion's `--test` and `--quick`, and a part of the names of groups.
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

    /// Whether only a glimpse is wanted: everything once, on the smallest of data.
    pub fn is_test(&self) -> bool {
        self.depth == Depth::Once
    }

    /// Whether the long runs are wanted too.
    pub fn is_full(&self) -> bool {
        self.depth == Depth::Full
    }

    /// Whether the group of this name is asked for.
    pub fn wants(&self, group: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| group.contains(filter.as_str()))
    }

    /// Compares what the contenders compute: their time on the CPU.
    pub fn compare(&mut self, group: &str, contenders: Vec<Contender<'_>>) {
        self.measure(group, Clock::Cpu, contenders);
    }

    /// Compares how long they take on the wall, for work that waits.
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
        let turns = turn_by_turn(&mut contenders, clock, self.depth);
        for (place, Contender { name, .. }) in contenders.iter().enumerate() {
            let times: Vec<f64> = turns.iter().map(|turn| turn[place]).collect();
            let ratios: Vec<f64> = turns.iter().map(|turn| turn[place] / turn[0]).collect();
            let ([_, time, _], [low, ratio, high]) = (quartiles(times), quartiles(ratios));
            println!("figure | {group} | {name} | {time:.2} µs | {ratio:.2} x | {low:.2}..{high:.2}");
        }
    }
}

/// A figure that was found in another way than by [`Suite::compare`], in a line of the same form.
pub fn figure(group: &str, name: &str, value: f64, unit: &str, ratio: f64) {
    println!("figure | {group} | {name} | {value:.2} {unit} | {ratio:.2} x | ");
}

/// Something that a reader of the figures should know, such as a library's version.
pub fn note(what: &str, value: &str) {
    println!("note | {what} | {value}");
}

/// The time of each contender, in microseconds, in each of many rounds.
///
/// Ratios are taken within a round: between two measurements one after the other the machine may
/// have changed its pace, between two turns it has not. Who begins changes from round to round.
fn turn_by_turn(contenders: &mut [Contender<'_>], clock: Clock, depth: Depth) -> Vec<Vec<f64>> {
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
    let contestants = contenders.len();
    (0..rounds)
        .map(|round| {
            let mut turn = vec![0.0; contestants];
            for place in (0..contestants).map(|place| (place + round) % contestants) {
                let took = (contenders[place].run)(counts[place], clock);
                turn[place] = took.as_secs_f64() * 1e6 / f64::from(counts[place]);
            }
            turn
        })
        .collect()
}

/// A quarter of `values` lies below the first, half below the second, three quarters below the third.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
