//! The ceilings and the goals of the figures.

use super::figures::Figures;

/// A figure with its goal and its ceiling.
pub(super) struct Bound {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    measure: fn(&Figures) -> Result<f64, String>,
    pub(super) goal: f64,
    /// The gate fails for a larger figure.
    pub(super) ceiling: f64,
    /// The reason why the goal is not reached.
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
        why: "columns of products are looped over in pairs, and the loop itself is a third of the work; \
              code for one size without the loop would be faster, and three times as long",
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
        ceiling: 158.0,
        why: "the device enrols, renews before the end, listens and connects, for three sizes of RSA, with DHCP, continues \
              after every failure with the same key, and prints its actions and errors in words; 11 KB of it are the \
              renewal and the revocation status, and 9 KB are the change of the CA's key",
    },
    Bound {
        what: "static RAM and peak stack, with TCP/IP",
        unit: "KB",
        measure: |figures| Ok(f64::from(figures.ram()) / KILOBYTE),
        goal: 20.0,
        ceiling: 40.0,
        why: "two frames of 5 KB, so that every valid message fits, 1.2 KB for a status, and RSA-4096's working space on top \
              of the channel's",
    },
    Bound {
        what: "X.509 path of 2 with RSA-2048, validated",
        unit: "M instructions",
        measure: |figures| instructions(figures, &[X509_PATH]),
        goal: 1.45,
        ceiling: 1.5,
        why: "",
    },
    Bound {
        what: "X.509, stack of this validation with its work space",
        unit: "KB",
        measure: |figures| Ok(f64::from(figures.row(X509_PATH)?.stack) / KILOBYTE),
        goal: 6.0,
        ceiling: 6.5,
        why: "",
    },
    Bound {
        what: "X.509, flash without RSA",
        unit: "KB",
        measure: |figures| Ok(f64::from(figures.x509_flash()) / KILOBYTE),
        goal: 20.0,
        ceiling: 33.0,
        why: "the profile is a value, so the rules of CA/Browser Forum are in the image, too; name constraints and policies are \
              whole, and 6 KB are the texts of the errors with the formatting",
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

/// The row of a path of two certificates.
const X509_PATH: &str = "X.509 path of 2: validate";

impl Bound {
    /// The figure, in [`Bound::unit`]s.
    pub(super) fn value(&self, figures: &Figures) -> Result<f64, String> {
        (self.measure)(figures)
    }
}

/// The largest number of instructions in the rows, in millions.
fn instructions(figures: &Figures, rows: &[&str]) -> Result<f64, String> {
    rows.iter()
        .try_fold(0.0, |most: f64, row| Ok(most.max(f64::from(figures.row(row)?.instructions) / MILLION)))
}

/// Prints each figure with its goal and its ceiling. A figure above its ceiling is an error.
pub(super) fn check(figures: &Figures) -> Result<(), String> {
    let mut exceeded = Vec::new();
    for bound in BOUNDS {
        let value = bound.value(figures)?;
        let Bound { what, unit, goal, ceiling, .. } = bound;
        eprintln!("    {what}: {value:.2} {unit} (goal {goal}, ceiling {ceiling})");
        if value > *ceiling {
            exceeded.push(format!("{what}: {value:.2} {unit}, above its ceiling of {ceiling}"));
        }
    }
    if exceeded.is_empty() { Ok(()) } else { Err(exceeded.join("\n       ")) }
}
