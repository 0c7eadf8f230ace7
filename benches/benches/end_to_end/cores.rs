//! How the rate of certificates grows with the cores that the CA may use.

use std::iter::successors;

use minipki_benches::{Cores, Load, Served, Suite, figure};

use super::{Extent, FORMS, disk, median};

/// Compares the heaviest load on CAs that may use 1, 2, 4, ... cores, and all of them.
pub(super) fn cores(suite: &mut Suite) {
    let groups = FORMS.map(|(form, proven)| (format!("cores, {form}, certificates a second"), proven));
    if !groups.iter().any(|(group, _)| suite.wants(group)) {
        return;
    }
    let extent = Extent::of(suite);
    let all = Cores::allowed();
    let start = |count| Served::start(disk(), all.first(count));
    let cas: Vec<Served> = counts(all.count(), suite.is_test()).into_iter().map(start).collect();
    for (group, proven) in groups.into_iter().filter(|(group, _)| suite.wants(group)) {
        let load = Load { connections: extent.most(), proven, kept: true };
        // By turns, each of which is the rate of each CA.
        let turns: Vec<Vec<f64>> = (0..extent.turns)
            .map(|_| cas.iter().map(|ca| load.turn(ca, extent.lasting).rate()).collect())
            .collect();
        for (place, ca) in cas.iter().enumerate() {
            let rate = median(turns.iter().map(|turn| turn[place]));
            let ratio = median(turns.iter().map(|turn| turn[place] / turn[0]));
            figure(&group, &name(ca.cores(), &all), rate, "/s", ratio);
        }
    }
    cas.iter().for_each(Served::check_ledger);
}

/// The numbers of cores: each power of two below `all`, and `all`; of these only the ends where a glimpse is wanted.
fn counts(all: usize, glimpse: bool) -> Vec<usize> {
    let powers = successors(Some(1), |count| Some(count * 2)).take_while(|count| *count < all);
    powers.take(if glimpse { 1 } else { usize::MAX }).chain([all]).collect()
}

fn name(of_ca: &Cores, all: &Cores) -> String {
    let count = of_ca.count();
    let s = if count == 1 { "" } else { "s" };
    let shared = if of_ca == all { ", shared with the clients" } else { "" };
    format!("minipki, {count} core{s}{shared}")
}
