//! The explanation of X.509 certificates: their fields, each with its reason and its bytes, and the names in them.

pub mod algorithm;
pub mod checks;
pub mod extensions;
pub mod fields;
pub mod malformed;
pub mod names;
pub mod oids;
mod places;
