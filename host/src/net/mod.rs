//! Links over tokio: the async driver, with a deadline on everything that waits for a peer.

mod closing;
mod drive;

pub use closing::close;
pub use drive::{NetError, drive};
