//! JSON certificates and their revocation status: encode, parse, and verify against a pinned anchor (protocol §3,
//! §7).
//!
//! An issuer calls [`TbsCertificate::encode`] or [`TbsStatus::encode`], signs that text, and calls
//! [`attach_signature`].
//! A verifier calls [`Certificate::parse`], then [`verify`] with an [`Anchor`]. Only [`verify`] makes a
//! [`Verified`](crate::trust::Verified) certificate.

mod anchor;
mod certificate;
mod error;
mod id;
mod signed;
mod status;
mod tbs;
mod verify;

pub use anchor::Anchor;
pub use certificate::Certificate;
pub use error::Error;
pub use id::{Id, IdBuf, IdError};
pub use signed::{attach_signature, verify_object};
pub use status::{Status, TbsStatus, verify_status};
pub use tbs::TbsCertificate;
pub use verify::verify;
