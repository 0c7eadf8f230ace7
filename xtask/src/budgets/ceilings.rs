//! What nothing may grow beyond, and where we want to be.

use super::figures::Figures;

/// A figure with its bounds.
pub(super) struct Bound {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    measure: fn(&Figures) -> Result<f64, String>,
    pub(super) goal: f64,
    /// Above it the gate fails.
    pub(super) ceiling: f64,
    /// Said as long as the goal is not reached.
    pub(super) why: &'static str,
}

const MILLION: f64 = 1e6;
const KILOBYTE: f64 = 1024.0;

pub(super) const BOUNDS: &[Bound] = &[
    Bound {
        what: "RSA-2048-PSS verify",
        unit: "M instructions",
        measure: |figures| instructions(figures, &["RSASSA-PSS: verify, RSA-2048"]),
        goal: 0.60,
        ceiling: 0.75,
        why: "columns of products are looped over in pairs, and a loop's own work is a third of it; \
              written out for one size it would be faster, and three times as long",
    },
    Bound {
        what: "handshake, the peer's certificate verified, one side",
        unit: "M instructions",
        measure: |figures| {
            let sides = [
                "handshake: initiator, peer verified, RSA-2048",
                "handshake: responder, peer verified, RSA-2048",
            ];
            instructions(figures, &sides)
        },
        goal: 4.5,
        ceiling: 5.5,
        why: "four X25519 are two thirds of it, each limited by what safe Rust makes of 13 registers; \
              the rest is RSA, and base64 and hashes over two certificates",
    },
    Bound {
        what: "whole image with TCP/IP",
        unit: "KB",
        measure: |figures| Ok(f64::from(figures.device.flash) / KILOBYTE),
        goal: 80.0,
        ceiling: 130.0,
        why: "it enrols, listens and connects, for three sizes of RSA, with DHCP, goes on after every failure with the same key, \
              and says in words what it does and why it ends",
    },
    Bound {
        what: "static RAM and peak stack, with TCP/IP",
        unit: "KB",
        measure: |figures| Ok(f64::from(figures.ram()) / KILOBYTE),
        goal: 20.0,
        ceiling: 40.0,
        why: "two frames of 4 KB, so that every valid message fits, and RSA-4096's working space on top of the channel's",
    },
    Bound {
        what: "heap",
        unit: "bytes",
        measure: |figures| Ok(f64::from(figures.heap)),
        goal: 0.0,
        ceiling: 0.0,
        why: "",
    },
];

impl Bound {
    /// What was measured, in [`Bound::unit`]s.
    pub(super) fn value(&self, figures: &Figures) -> Result<f64, String> {
        (self.measure)(figures)
    }
}

/// The most expensive of some rows.
fn instructions(figures: &Figures, rows: &[&str]) -> Result<f64, String> {
    rows.iter()
        .try_fold(0.0, |most: f64, row| Ok(most.max(f64::from(figures.row(row)?.instructions) / MILLION)))
}

/// Fails where a ceiling is passed, and says how far everything is from it.
pub(super) fn hold(figures: &Figures) -> Result<(), String> {
    let mut passed = Vec::new();
    for bound in BOUNDS {
        let value = bound.value(figures)?;
        let Bound { what, unit, goal, ceiling, .. } = bound;
        eprintln!("    {what}: {value:.2} {unit} (goal {goal}, ceiling {ceiling})");
        if value > *ceiling {
            passed.push(format!("{what}: {value:.2} {unit}, above its ceiling of {ceiling}"));
        }
    }
    if passed.is_empty() { Ok(()) } else { Err(passed.join("\n       ")) }
}
