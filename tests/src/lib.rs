//! The code that the tests of the programs share.

pub mod bash;
pub mod board;
pub mod browser;
pub mod ca;
pub mod console;
pub mod console_program;
pub mod device;
pub mod device_remotes;
pub mod flood;
pub mod http;
pub mod judges;
pub mod kill_points;
pub mod loopback;
pub mod peers;
pub mod program;
mod running;
pub mod server;
pub mod shell;
pub mod x509;

use minipki_os::Failure;

/// The advice of an error; empty if it has none.
pub fn advice(error: impl Into<Failure>) -> String {
    error.into().next.unwrap_or_default()
}
