//! The goals: ratios within one run, with a bound each.

use super::figures::Figures;

/// The bound of the ratio of `top` to `bottom`.
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
    /// The worst of several contenders counts, and all must be measured.
    tops: &'static [&'static str],
    bottom: &'static str,
    bound: Bound,
    /// The words after the ratio.
    words: &'static str,
}

const WEBPKI: &str = "rustls-webpki on aws-lc-rs";
const WEBPKI_WORDS: &str = "the time of rustls-webpki with the same signatures";

const GOALS: &[Goal] = &[
    Goal {
        work: "RSA-2048 signature in a batch of eight, on one core with AVX-512 IFMA",
        group: "RSA-2048 sign",
        tops: &["aws-lc-rs"],
        bottom: "minipki, batch of 8",
        bound: AtLeast(1.5),
        words: "as fast as aws-lc-rs",
    },
    Goal {
        work: "RSA-2048 signature of the portable core",
        group: "RSA-2048 sign",
        tops: &["rsa"],
        bottom: "minipki, portable",
        bound: AtLeast(2.2),
        words: "as fast as the crate `rsa`",
    },
    Goal {
        work: "RSA-2048 verification of the portable core",
        group: "RSA-2048 verify",
        tops: &["rsa"],
        bottom: "minipki, portable",
        bound: AtLeast(2.4),
        words: "as fast as the crate `rsa`",
    },
    Goal {
        work: "one RSA-2048 signature through the CA's port",
        group: "RSA-2048 sign",
        tops: &["minipki, one through the signer's port"],
        bottom: "aws-lc-rs",
        bound: AtMost(1.05),
        words: "the time of aws-lc-rs alone",
    },
    Goal {
        work: "handshake, both sides, certificates verified, default provider",
        group: "handshake, both sides",
        tops: &["minipki"],
        bottom: "snow, no certificates",
        bound: AtMost(0.5),
        words: "the time of `snow` without certificates",
    },
    Goal {
        work: "the same, beside mutual TLS",
        group: "handshake, both sides",
        tops: &["minipki"],
        bottom: "rustls, mutual",
        bound: AtMost(0.3),
        words: "the time of rustls with TLS 1.3",
    },
    Goal {
        work: "X.509 path of 3 certificates, RSA-2048",
        group: "X.509 path of 3, RSA-2048",
        tops: &["minipki on aws-lc-rs"],
        bottom: WEBPKI,
        bound: AtMost(1.1),
        words: WEBPKI_WORDS,
    },
    Goal {
        work: "X.509 path of 3 certificates, P-256",
        group: "X.509 path of 3, P-256",
        tops: &["minipki on aws-lc-rs"],
        bottom: WEBPKI,
        bound: AtMost(1.1),
        words: WEBPKI_WORDS,
    },
    Goal {
        work: "X.509 path with a list of 100,000 revoked certificates",
        group: "X.509 path with a list of 100000 entries",
        tops: &["minipki on aws-lc-rs"],
        bottom: WEBPKI,
        bound: AtMost(1.1),
        words: "the time of rustls-webpki",
    },
    Goal {
        work: "one revocation with 1,000,000 certificates in the ledger",
        group: "revocation in a ledger, time per revocation",
        tops: &["1000000 certificates"],
        bottom: "1000 certificates",
        bound: AtMost(1.2),
        words: "the time with 1,000",
    },
    Goal {
        work: "issue with 1,000,000 certificates in the ledger",
        group: "issue into a ledger, time per certificate",
        tops: &["1000 certificates"],
        bottom: "1000000 certificates",
        bound: AtLeast(0.9),
        words: "as fast as with 1,000",
    },
    Goal {
        work: "CPU of the CA per certificate, classic form, one connection a request, the worse of 16 and 256",
        group: "end to end, classic, CPU per certificate",
        tops: &["minipki, 16 connections, one a request", "minipki, 256 connections, one a request"],
        bottom: "signature alone",
        bound: AtMost(1.6),
        words: "that of a signature by aws-lc-rs alone",
    },
    Goal {
        work: "CPU of the CA per certificate, classic form, connections kept, the worse of 16 and 256",
        group: "end to end, classic, CPU per certificate",
        tops: &["minipki, 16 connections, kept", "minipki, 256 connections, kept"],
        bottom: "signature alone",
        bound: AtMost(1.3),
        words: "that of a signature by aws-lc-rs alone",
    },
    Goal {
        work: "CPU of the CA per certificate, proven form, one connection a request, the worse of 16 and 256",
        group: "end to end, proven, CPU per certificate",
        tops: &["minipki, 16 connections, one a request", "minipki, 256 connections, one a request"],
        bottom: "signature alone",
        bound: AtMost(1.6),
        words: "that of a signature by aws-lc-rs alone",
    },
    Goal {
        work: "CPU of the CA per certificate, proven form, connections kept, the worse of 16 and 256",
        group: "end to end, proven, CPU per certificate",
        tops: &["minipki, 16 connections, kept", "minipki, 256 connections, kept"],
        bottom: "signature alone",
        bound: AtMost(1.3),
        words: "that of a signature by aws-lc-rs alone",
    },
    Goal {
        work: "latency of a request to an idle CA, classic form, 99th percentile",
        group: "end to end, classic, p99 latency",
        tops: &["minipki, idle, one a request", "minipki, idle, kept"],
        bottom: "signature and durable commit",
        bound: AtMost(2.0),
        words: "that of a signature and a durable commit",
    },
    Goal {
        work: "latency of a request to an idle CA, proven form, 99th percentile",
        group: "end to end, proven, p99 latency",
        tops: &["minipki, idle, one a request", "minipki, idle, kept"],
        bottom: "signature and durable commit",
        bound: AtMost(2.0),
        words: "that of a signature and a durable commit",
    },
];

impl Goal {
    /// The result, for example `1.62x as fast as aws-lc-rs`, and whether it reaches the goal.
    fn judge(&self, figures: &Figures) -> Option<(String, bool)> {
        let ratios: Option<Vec<f64>> =
            self.tops.iter().map(|top| figures.ratio(self.group, top, self.bottom)).collect();
        let ratio = ratios?.into_iter().reduce(match self.bound {
            AtLeast(_) => f64::min,
            AtMost(_) => f64::max,
        })?;
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

/// The table of goals for the page.
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

/// The table rows of the measured goals, for the README. The page has the same rows.
pub(super) fn lines(figures: &Figures) -> String {
    let line = |goal: &Goal| Some(format!("| {} | {} |\n", goal.work, goal.judge(figures)?.0));
    GOALS.iter().filter_map(line).collect()
}

/// Prints the measured goals.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_contenders_counts_if_all_are_measured() {
        let goal =
            |bound| Goal { work: "w", group: "g", tops: &["a", "b"], bottom: "c", bound, words: "of c" };
        let mut figures = Figures::default();
        for line in ["figure | g | c | 1.00 µs | 1.00 x | ", "figure | g | a | 2.00 µs | 2.00 x | "] {
            assert_eq!(figures.take(line), Ok(()));
        }
        assert_eq!(goal(AtMost(2.0)).judge(&figures), None);
        assert_eq!(figures.take("figure | g | b | 3.00 µs | 3.00 x | "), Ok(()));
        assert_eq!(goal(AtMost(2.0)).judge(&figures), Some(("3.00x of c".to_owned(), false)));
        assert_eq!(goal(AtLeast(2.0)).judge(&figures), Some(("2.00x of c".to_owned(), true)));
    }
}
