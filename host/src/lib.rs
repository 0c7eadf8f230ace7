//! MiniPKI on a PC: certificate authority, clients and command line.

pub mod ca;
pub mod files;
pub mod keys;
pub mod net;
pub mod store;
pub mod trace;
