//! Issuing end to end: the program `minipki ca serve`, its ledger on a disk, and clients over TCP.
//!
//! The alternate baseline is the minimum work of a CA: a signature and, for a single request, a durable commit. The groups
//! `cores` measure how the rate of certificates grows with the cores of the CA.

use std::iter::successors;
use std::path::Path;
use std::time::Duration;

use minipki_benches::{Baseline, CaProcess, Client, Clock, Cores, Load, Suite, figure, run};
use tokio::runtime::{Builder, Runtime};

/// The names of the forms, and whether the form has a proof.
const FORMS: [(&str, bool); 2] = [("classic", false), ("proven", true)];
/// The names of the uses of connections, and whether a connection is kept.
const CONNECTIONS: [(&str, bool); 2] = [("one a request", false), ("kept", true)];
/// The percentiles of the latency groups.
const PERCENTILES: [usize; 3] = [50, 90, 99];

/// The names of a form's groups, the latencies last.
fn groups(form: &str) -> [String; 5] {
    ["CPU per certificate", "certificates a second", "p50 latency", "p90 latency", "p99 latency"]
        .map(|what| format!("end to end, {form}, {what}"))
}

/// The number and the length of the measurements.
struct Extent {
    connections: &'static [usize],
    /// The number of single requests for each use of connections.
    alone: usize,
    /// The number of turns for each load.
    turns: usize,
    /// The time of a turn. The system counts CPU time in hundredths of a second, so a turn must be long.
    lasting: Duration,
    /// The number of signatures before each turn, and after it.
    signatures: u32,
}

const ONCE: Extent =
    Extent { connections: &[1, 16], alone: 2, turns: 1, lasting: Duration::ZERO, signatures: 1 };
const SHORT: Extent = Extent {
    connections: &[1, 16, 256],
    alone: 500,
    turns: 5,
    lasting: Duration::from_secs(1),
    signatures: 100,
};
const FULL: Extent = Extent { alone: 4000, turns: 9, lasting: Duration::from_secs(2), ..SHORT };

impl Extent {
    fn of(suite: &Suite) -> &'static Self {
        match () {
            () if suite.is_test() => &ONCE,
            () if suite.is_full() => &FULL,
            () => &SHORT,
        }
    }

    /// The largest number of connections.
    fn most(&self) -> usize {
        self.connections.iter().copied().max().unwrap_or(1)
    }
}

/// A folder on the build's disk. The system's temporary folder may be in memory.
fn disk() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A CA and the baseline.
struct Bench {
    extent: &'static Extent,
    runtime: Runtime,
    ca: CaProcess,
    baseline: Baseline,
}

impl Bench {
    fn new(extent: &'static Extent) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self {
            extent,
            runtime,
            ca: CaProcess::start(disk(), Cores::allowed()),
            baseline: Baseline::new(disk()),
        }
    }

    /// Sends one request at a time, alternately with the baseline. Returns the times of the baseline, and the latencies of
    /// each use of connections.
    fn alone(&self, proven: bool) -> (Times, [Times; 2]) {
        let mut work = self.baseline.signing_and_committing();
        let mut clients = CONNECTIONS.map(|(_, kept)| Client::new(&self.ca, proven, kept));
        let (mut baseline, mut times) = (Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..self.extent.alone {
            for (client, times) in clients.iter_mut().zip(&mut times) {
                baseline.push(work.turn(1, Clock::Wall));
                times.push(self.runtime.block_on(client.enrol()));
            }
        }
        (Times::new(baseline), times.map(Times::new))
    }

    /// Runs the loads alternately, each turn between signatures.
    fn loads(&self, proven: bool) -> Vec<Measured> {
        let mut work = self.baseline.signing();
        let mut sign = || micros(work.turn(self.extent.signatures, Clock::Cpu));
        let kinds = |connections: &usize| {
            CONNECTIONS.map(|(way, kept)| Measured::new(*connections, proven, way, kept))
        };
        let mut loads: Vec<Measured> = self.extent.connections.iter().flat_map(kinds).collect();
        for _ in 0..self.extent.turns {
            for load in &mut loads {
                let before = sign();
                let turn = load.load.turn(&self.ca, self.extent.lasting);
                let signature = (before + sign()) / 2.0;
                let cpu = micros(turn.cpu) / turn.latencies.len() as f64;
                load.turns.push(Sample { signature, cpu, rate: turn.rate() });
                load.latencies.extend(turn.latencies);
            }
        }
        loads
    }
}

/// A load and its results.
struct Measured {
    name: String,
    load: Load,
    turns: Vec<Sample>,
    latencies: Vec<Duration>,
}

/// The result of a turn.
struct Sample {
    /// The mean CPU time of a signature before and after the turn, in microseconds.
    signature: f64,
    /// The CPU time of the CA for a certificate, in microseconds.
    cpu: f64,
    /// The rate in certificates a second.
    rate: f64,
}

impl Measured {
    fn new(connections: usize, proven: bool, way: &str, kept: bool) -> Self {
        let s = if connections == 1 { "" } else { "s" };
        let name = format!("minipki, {connections} connection{s}, {way}");
        Self { name, load: Load { connections, proven, kept }, turns: Vec::new(), latencies: Vec::new() }
    }

    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.turns.iter().map(of))
    }
}

fn end_to_end(suite: &mut Suite) {
    let wanted = |form: &str| groups(form).iter().any(|group| suite.wants(group));
    if !FORMS.iter().any(|(form, _)| wanted(form)) {
        return;
    }
    let bench = Bench::new(Extent::of(suite));
    for (form, proven) in FORMS.into_iter().filter(|(form, _)| wanted(form)) {
        let (baseline, alone) = bench.alone(proven);
        let loads = bench.loads(proven);
        let signature = median(loads.iter().flat_map(|load| &load.turns).map(|turn| turn.signature));

        let [cpu, rate, latencies @ ..] = groups(form);
        figure(&cpu, Baseline::SIGNATURE, signature, "µs", 1.0);
        figure(&rate, Baseline::SIGNATURE, 1e6 / signature, "/s", 1.0);
        for load in &loads {
            let ratio = load.median(|turn| turn.cpu / turn.signature);
            figure(&cpu, &load.name, load.median(|turn| turn.cpu), "µs", ratio);
            let ratio = load.median(|turn| turn.rate * turn.signature / 1e6);
            figure(&rate, &load.name, load.median(|turn| turn.rate), "/s", ratio);
        }
        let alone =
            CONNECTIONS.iter().zip(alone).map(|((way, _), times)| (format!("minipki, idle, {way}"), times));
        let loads = loads.into_iter().map(|load| (load.name, Times::new(load.latencies)));
        let latency: Vec<(String, Times)> = alone.chain(loads).collect();
        for (group, percent) in latencies.iter().zip(PERCENTILES) {
            let base = baseline.percentile(percent);
            figure(group, Baseline::SIGNATURE_AND_COMMIT, base, "µs", 1.0);
            for (name, times) in &latency {
                let time = times.percentile(percent);
                figure(group, name, time, "µs", time / base);
            }
        }
    }
    bench.ca.check_ledger();
}

/// Compares the heaviest load on CAs that may use 1, 2, 4, ... cores, and all of them.
fn cores(suite: &mut Suite) {
    let groups = FORMS.map(|(form, proven)| (format!("cores, {form}, certificates a second"), proven));
    if !groups.iter().any(|(group, _)| suite.wants(group)) {
        return;
    }
    let extent = Extent::of(suite);
    let all = Cores::allowed();
    let start = |count| CaProcess::start(disk(), all.first(count));
    let cas: Vec<CaProcess> = counts(all.count(), suite.is_test()).into_iter().map(start).collect();
    for (group, proven) in groups.into_iter().filter(|(group, _)| suite.wants(group)) {
        let load = Load { connections: extent.most(), proven, kept: true };
        // Each turn has the rate of each CA.
        let turns: Vec<Vec<f64>> = (0..extent.turns)
            .map(|_| cas.iter().map(|ca| load.turn(ca, extent.lasting).rate()).collect())
            .collect();
        for (place, ca) in cas.iter().enumerate() {
            let rate = median(turns.iter().map(|turn| turn[place]));
            let ratio = median(turns.iter().map(|turn| turn[place] / turn[0]));
            figure(&group, &name(ca.cores(), &all), rate, "/s", ratio);
        }
    }
    cas.iter().for_each(CaProcess::check_ledger);
}

/// The numbers of cores: each power of two below `all`, and `all`. With `ends_only`, only 1 and `all`.
fn counts(all: usize, ends_only: bool) -> Vec<usize> {
    let powers = successors(Some(1), |count| Some(count * 2)).take_while(|count| *count < all);
    powers.take(if ends_only { 1 } else { usize::MAX }).chain([all]).collect()
}

fn name(of_ca: &Cores, all: &Cores) -> String {
    let count = of_ca.count();
    let s = if count == 1 { "" } else { "s" };
    let shared = if of_ca == all { ", shared with the clients" } else { "" };
    format!("minipki, {count} core{s}{shared}")
}

/// Numbers in ascending order, mostly microseconds.
struct Times(Vec<f64>);

impl Times {
    fn new(times: Vec<Duration>) -> Self {
        Self::sorted(times.into_iter().map(micros).collect())
    }

    fn sorted(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        Self(numbers)
    }

    /// The percentile: the smallest number that `percent` of a hundred numbers do not exceed.
    fn percentile(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent).div_ceil(100) - 1]
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    Times::sorted(numbers.collect()).percentile(50)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn main() {
    run(&[end_to_end, cores]);
}
