//! Shared by the benchmarks.

use std::time::{Duration, Instant};

use criterion::Criterion;

/// One of several ways to do the same work; each run checks its own result.
pub type Contender<'a> = (&'a str, &'a mut dyn FnMut());

/// Measures each contender with criterion, then all of them turn by turn, and prints how
/// long each takes beside the first.
///
/// The turns are what a ratio needs: between two of criterion's measurements the machine
/// may have changed its pace, between two turns it has not.
pub fn compare(criterion: &mut Criterion, title: &str, contenders: &mut [Contender<'_>]) {
    let mut group = criterion.benchmark_group(title);
    for (name, run) in contenders.iter_mut() {
        group.bench_function(*name, |bencher| bencher.iter(&mut *run));
    }
    group.finish();

    let mut first = None;
    let medians = turn_by_turn(contenders);
    for ((name, _), median) in contenders.iter().zip(medians) {
        let micros = median.as_secs_f64() * 1e6;
        let first = *first.get_or_insert(micros);
        println!("{title}: {name:<24} {micros:9.2} µs  {:5.2} x", micros / first);
    }
}

/// The median time of each contender over interleaved rounds.
fn turn_by_turn(contenders: &mut [Contender<'_>]) -> Vec<Duration> {
    const ROUNDS: usize = 301;
    let mut times = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for _ in 0..ROUNDS {
        for ((_, run), times) in contenders.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run();
            times.push(start.elapsed());
        }
    }
    times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[ROUNDS / 2]
        })
        .collect()
}
