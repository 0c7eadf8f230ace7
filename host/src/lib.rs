//! The command line of MiniPKI.

pub mod cli;
