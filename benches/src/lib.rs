//! The shared code of the benchmarks.
//!
//! A benchmark gives a [`Suite`] several [`Contender`]s for the same work. Each contender checks its results. The suite
//! measures the contenders alternately, and prints a line for each figure:
//!
//! ```text
//! figure | RSA-2048 sign | ring | 563.20 µs | 2.31 x | 2.29..2.33
//! ```
//!
//! The columns are the group, the contender, the median time, its ratio to the first contender, and the quartiles of the
//! ratio. `cargo xtask bench` collects these lines into `docs/benchmarks.md`.

mod baseline;
mod ca_process;
mod contender;
pub mod fixture;
mod load;
mod suite;

pub use baseline::Baseline;
pub use ca_process::{CaProcess, Cores};
pub use contender::{Clock, Contender};
pub use load::{Client, Load, Turn};
pub use suite::{Suite, figure, note, run};
