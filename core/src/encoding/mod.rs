//! Encodings: base64, DER, canonical JSON and PEM.

pub mod base64;
pub mod der;
pub mod json;
pub mod pem;

pub use json::{Form, JsonError, JsonErrorKind};
