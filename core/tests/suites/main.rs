//! Suites of others that are not among the files of this project. `cargo xtask limbo` and `cargo xtask pkits` run them.

#[path = "../x509_algorithms.rs"]
mod x509_algorithms;
mod x509_limbo;
mod x509_pkits;
