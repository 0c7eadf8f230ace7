//! X.509 certificates and paths of them ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280)).

pub mod algorithm;

pub use algorithm::{SignatureAlgorithm, SignatureError};
