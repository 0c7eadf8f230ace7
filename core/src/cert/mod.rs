//! Certificates: encode, parse, and verify against a pinned anchor (protocol §3).
//!
//! Issuing goes [`TbsCertificate::encode`], a signature over that text, [`attach_signature`].
//! Trusting goes [`Certificate::parse`], [`verify`], [`Verified`]: there is no
//! other way to a `Verified`, and none without an [`Anchor`].

mod anchor;
mod certificate;
mod error;
mod fields;
mod object;
mod tbs;
mod verify;

pub use anchor::Anchor;
pub use certificate::Certificate;
pub use error::{Error, IdError};
pub use fields::{Id, IdBuf, Serial, Validity};
pub use tbs::{TbsCertificate, attach_signature};
pub use verify::{Verified, verify};
