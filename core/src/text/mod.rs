//! Text forms: base64, canonical JSON, times and PEM.

pub mod base64;
pub mod json;
pub mod pem;
pub mod time;

pub use json::{Form, JsonError, JsonErrorKind};
pub use time::{Now, TimeError, UnixTime};
