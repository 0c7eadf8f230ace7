//! JSON certificates: encode, parse, and verify against a pinned anchor (protocol §3).
//!
//! An issuer calls [`TbsCertificate::encode`], signs that text, and calls [`attach_signature`].
//! A verifier calls [`Certificate::parse`], then [`verify`] with an [`Anchor`]. Only [`verify`] makes a
//! [`Verified`](crate::trust::Verified) certificate.

mod anchor;
mod certificate;
mod error;
mod id;
mod tbs;
mod verify;

pub use anchor::Anchor;
pub use certificate::Certificate;
pub use error::Error;
pub use id::{Id, IdBuf, IdError};
pub use tbs::{TbsCertificate, attach_signature};
pub use verify::verify;
