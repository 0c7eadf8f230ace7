//! Certificates: encode, parse, and verify against a pinned anchor (protocol §3).
//!
//! Issuing goes [`Unsigned::encode`], a signature over that text, [`assemble`].
//! Trusting goes [`Certificate::parse`], [`verify`], [`Verified`]: there is no
//! other way to a `Verified`, and none without an [`Anchor`].

mod anchor;
mod certificate;
mod error;
mod fields;
mod object;
mod unsigned;
mod verify;

pub use anchor::Anchor;
pub use certificate::Certificate;
pub use error::{Error, IdError};
pub use fields::{Id, IdBuf, Serial, Validity};
pub use unsigned::{Unsigned, assemble};
pub use verify::{Verified, verify};
