//! Encodings: base64, canonical JSON and PEM.

pub mod base64;
pub mod json;
pub mod pem;

pub use json::{Form, JsonError, JsonErrorKind};
