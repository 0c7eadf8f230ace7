//! What the benchmarks share.
//!
//! A benchmark gives a [`Suite`] the same work done by several [`Contender`]s, each of which checks what it
//! has made. The suite measures them turn by turn, and prints one line a figure:
//!
//! ```text
//! figure | RSA-2048 sign | ring | 563.20 µs | 2.31 x | 2.29..2.33
//! ```
//!
//! the median time, and how many times as long that is as the first contender's, with the middle half
//! of the turns. `cargo xtask bench` collects these lines into `docs/benchmarks.md`.

mod bare;
mod contender;
mod cores;
pub mod fixture;
mod load;
mod served;
mod suite;

pub use bare::Bare;
pub use contender::{Clock, Contender};
pub use cores::Cores;
pub use load::{Client, Load, Turn};
pub use served::Served;
pub use suite::{Suite, figure, note, run};
