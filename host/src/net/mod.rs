//! Links over tokio: the async driver, with a deadline on everything that waits for a peer.

mod drive;

pub use drive::{NetError, drive};
