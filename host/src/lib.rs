//! MiniPKI on a PC: certificate authority, clients and command line.

pub mod ca;
pub mod files;
pub mod keys;
pub mod store;
