//! Links over tokio: the async driver, with a deadline on everything that waits for a peer; and what every
//! listening socket needs.

mod accepting;
mod closing;
mod drive;
mod log_limit;
pub mod trace;

pub use accepting::{ACCEPT_BACKOFF, accept};
pub use closing::close;
pub use drive::{NetError, drive};
pub use log_limit::{LeftOut, LogLimit};
