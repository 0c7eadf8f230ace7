//! Shared by the tests of the programs.

pub mod board;
pub mod browser;
pub mod ca;
pub mod console;
pub mod console_program;
pub mod device;
pub mod device_others;
pub mod flood;
pub mod kill_points;
pub mod loopback;
pub mod peers;
pub mod pictures;
pub mod program;
pub mod server;
pub mod terminal;
