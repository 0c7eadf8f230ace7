//! What passes on a connection, for whoever wants to watch.

mod tap;

pub use tap::{Direction, Tap, Traced};
