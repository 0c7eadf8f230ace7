//! MiniPKI on a PC: certificate authority, clients and command line.

pub mod ca;
pub mod cli;
pub mod client;
pub mod clock;
pub mod console;
pub mod crypto;
pub mod files;
pub mod keys;
pub mod net;
pub mod server;
pub mod state;
pub mod store;
pub mod story;
pub mod trace;
