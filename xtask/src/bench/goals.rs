//! What is to be reached, as ratios within one run, and what of it was.

use super::figures::Figures;

/// How much `top` may be of `bottom`.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

/// A ratio between two contenders of a group, and its bound.
struct Goal {
    work: &'static str,
    group: &'static str,
    top: &'static str,
    bottom: &'static str,
    bound: Bound,
    /// The ratio in words, around the number.
    words: &'static str,
}

const GOALS: &[Goal] = &[
    Goal {
        work: "RSA-2048 signature in a batch of eight, on one core with AVX-512 IFMA",
        group: "RSA-2048 sign",
        top: "aws-lc-rs",
        bottom: "minipki, batch of 8",
        bound: AtLeast(1.5),
        words: "as fast as aws-lc-rs",
    },
    Goal {
        work: "RSA-2048 signature of the portable core",
        group: "RSA-2048 sign",
        top: "rsa",
        bottom: "minipki, portable",
        bound: AtLeast(2.2),
        words: "as fast as the crate `rsa`",
    },
    Goal {
        work: "RSA-2048 verification of the portable core",
        group: "RSA-2048 verify",
        top: "rsa",
        bottom: "minipki, portable",
        bound: AtLeast(2.4),
        words: "as fast as the crate `rsa`",
    },
    Goal {
        work: "one RSA-2048 signature through the CA's port",
        group: "RSA-2048 sign",
        top: "minipki, one through the signer's port",
        bottom: "aws-lc-rs",
        bound: AtMost(1.05),
        words: "the time of aws-lc-rs alone",
    },
    Goal {
        work: "handshake, both sides, certificates verified, default provider",
        group: "handshake, both sides",
        top: "minipki",
        bottom: "snow, no certificates",
        bound: AtMost(0.5),
        words: "the time of `snow` without certificates",
    },
    Goal {
        work: "the same, beside mutual TLS",
        group: "handshake, both sides",
        top: "minipki",
        bottom: "rustls, mutual",
        bound: AtMost(0.3),
        words: "the time of rustls with TLS 1.3",
    },
    Goal {
        work: "issue with 1,000,000 certificates in the ledger",
        group: "issue into a ledger, time per certificate",
        top: "1000 certificates",
        bottom: "1000000 certificates",
        bound: AtLeast(0.9),
        words: "as fast as with 1,000",
    },
];

impl Goal {
    /// `1.62x as fast as aws-lc-rs`, and whether that is enough.
    fn judge(&self, figures: &Figures) -> Option<(String, bool)> {
        let ratio = figures.ratio(self.group, self.top, self.bottom)?;
        let reached = match self.bound {
            AtLeast(bound) => ratio >= bound,
            AtMost(bound) => ratio <= bound,
        };
        Some((format!("{ratio:.2}x {}", self.words), reached))
    }

    fn bound(&self) -> String {
        match self.bound {
            AtLeast(bound) => format!("at least {bound}x"),
            AtMost(bound) => format!("at most {bound}x"),
        }
    }
}

/// The table of the page.
pub(super) fn table(figures: &Figures) -> String {
    let mut table = "| work | this run | goal | reached |\n| --- | --- | --- | --- |\n".to_owned();
    for goal in GOALS {
        let (found, verdict) = match goal.judge(figures) {
            Some((found, true)) => (found, "yes"),
            Some((found, false)) => (found, "**no**"),
            None => ("not measured on this machine".to_owned(), "—"),
        };
        table += &format!("| {} | {found} | {} | {verdict} |\n", goal.work, goal.bound());
    }
    table
}

/// Those that were measured, for the README: each line stands in the page's table too.
pub(super) fn lines(figures: &Figures) -> String {
    let line = |goal: &Goal| Some(format!("| {} | {} |\n", goal.work, goal.judge(figures)?.0));
    GOALS.iter().filter_map(line).collect()
}

/// Tells whoever runs the benchmarks.
pub(super) fn print(figures: &Figures) {
    for goal in GOALS {
        if let Some((found, reached)) = goal.judge(figures) {
            println!(
                "goal | {} | {found} | {} | {}",
                goal.work,
                goal.bound(),
                if reached { "reached" } else { "NOT reached" }
            );
        }
    }
}
