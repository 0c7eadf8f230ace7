//! Issue end to end: the program `minipki ca serve`, its ledger on a disk, and clients over TCP. Beside it, turn by
//! turn, what no CA can do without: a signature, and for a request that comes alone a durable commit too.

mod cores;

use std::path::Path;
use std::time::Duration;

use minipki_benches::{Bare, Client, Clock, Cores, Load, Served, Suite, figure, run};
use tokio::runtime::{Builder, Runtime};

/// The forms, and whether something is proven in them.
const FORMS: [(&str, bool); 2] = [("classic", false), ("proven", true)];
/// The ways to come, and whether the connection is kept.
const WAYS: [(&str, bool); 2] = [("one a request", false), ("kept", true)];
/// What is shown of latencies.
const PERCENTILES: [usize; 3] = [50, 90, 99];

/// The groups of figures of a form, the latencies last.
fn groups(form: &str) -> [String; 5] {
    ["CPU per certificate", "certificates a second", "p50 latency", "p90 latency", "p99 latency"]
        .map(|what| format!("end to end, {form}, {what}"))
}

/// How much is measured.
struct Extent {
    connections: &'static [usize],
    /// Requests of each kind that come alone.
    alone: usize,
    /// Turns of each load.
    turns: usize,
    /// How long one lasts. The system tells what the CA computes in hundredths of a second, so it takes a while.
    lasting: Duration,
    /// Signatures before each turn, and after it.
    signatures: u32,
}

const GLIMPSE: Extent =
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
            () if suite.is_test() => &GLIMPSE,
            () if suite.is_full() => &FULL,
            () => &SHORT,
        }
    }

    /// The heaviest of the loads.
    fn most(&self) -> usize {
        self.connections.iter().copied().max().unwrap_or(1)
    }
}

/// The disk that everything is built on: a system's temporary folder may be in memory.
fn disk() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A CA, and what its work is compared with.
struct Bench {
    extent: &'static Extent,
    runtime: Runtime,
    ca: Served,
    bare: Bare,
}

impl Bench {
    fn new(extent: &'static Extent) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { extent, runtime, ca: Served::start(disk(), Cores::allowed()), bare: Bare::new(disk()) }
    }

    /// One request at a time, each after the bare work of one: the latencies of the bare work, and of each way.
    fn alone(&self, proven: bool) -> (Times, [Times; 2]) {
        let mut bare = self.bare.signing_and_committing();
        let mut clients = WAYS.map(|(_, kept)| Client::new(&self.ca, proven, kept));
        let (mut floor, mut times) = (Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..self.extent.alone {
            for (client, times) in clients.iter_mut().zip(&mut times) {
                floor.push(bare.turn(1, Clock::Wall));
                times.push(self.runtime.block_on(client.enrol()));
            }
        }
        (Times::new(floor), times.map(Times::new))
    }

    /// The loads by turns, each turn between signatures.
    fn loads(&self, proven: bool) -> Vec<Shown> {
        let mut bare = self.bare.signing();
        let mut sign = || micros(bare.turn(self.extent.signatures, Clock::Cpu));
        let kinds = |connections: &usize| WAYS.map(|(way, kept)| Shown::new(*connections, proven, way, kept));
        let mut loads: Vec<Shown> = self.extent.connections.iter().flat_map(kinds).collect();
        for _ in 0..self.extent.turns {
            for shown in &mut loads {
                let before = sign();
                let turn = shown.load.turn(&self.ca, self.extent.lasting);
                let signature = (before + sign()) / 2.0;
                let cpu = micros(turn.cpu) / turn.latencies.len() as f64;
                shown.turns.push(Sample { signature, cpu, rate: turn.rate() });
                shown.latencies.extend(turn.latencies);
            }
        }
        loads
    }
}

/// What a load has shown.
struct Shown {
    name: String,
    load: Load,
    turns: Vec<Sample>,
    latencies: Vec<Duration>,
}

/// A turn's part of it.
struct Sample {
    /// Microseconds of CPU for a signature, before and after.
    signature: f64,
    /// Microseconds of CPU of the CA for each certificate.
    cpu: f64,
    /// Certificates a second.
    rate: f64,
}

impl Shown {
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
        let (floor, alone) = bench.alone(proven);
        let loads = bench.loads(proven);
        let signature = median(loads.iter().flat_map(|shown| &shown.turns).map(|turn| turn.signature));

        let [cpu, rate, latencies @ ..] = groups(form);
        figure(&cpu, Bare::SIGNATURE, signature, "µs", 1.0);
        figure(&rate, Bare::SIGNATURE, 1e6 / signature, "/s", 1.0);
        for shown in &loads {
            let ratio = shown.median(|turn| turn.cpu / turn.signature);
            figure(&cpu, &shown.name, shown.median(|turn| turn.cpu), "µs", ratio);
            let ratio = shown.median(|turn| turn.rate * turn.signature / 1e6);
            figure(&rate, &shown.name, shown.median(|turn| turn.rate), "/s", ratio);
        }
        let alone = WAYS.iter().zip(alone).map(|((way, _), times)| (format!("minipki, idle, {way}"), times));
        let loads = loads.into_iter().map(|shown| (shown.name, Times::new(shown.latencies)));
        let latency: Vec<(String, Times)> = alone.chain(loads).collect();
        for (group, percent) in latencies.iter().zip(PERCENTILES) {
            let base = floor.percentile(percent);
            figure(group, Bare::FLOOR, base, "µs", 1.0);
            for (name, times) in &latency {
                let time = times.percentile(percent);
                figure(group, name, time, "µs", time / base);
            }
        }
    }
    bench.ca.check_ledger();
}

/// Numbers in ascending order: microseconds, as a rule.
struct Times(Vec<f64>);

impl Times {
    fn new(times: Vec<Duration>) -> Self {
        Self::sorted(times.into_iter().map(micros).collect())
    }

    fn sorted(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        Self(numbers)
    }

    /// The smallest that so many of a hundred do not exceed.
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
    run(&[end_to_end, cores::cores]);
}
