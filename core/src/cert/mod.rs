//! JSON certificates, their revocation status, and anchors: encode, parse, and verify against a pinned anchor
//! (protocol §3, §7).
//!
//! An issuer calls [`TbsCertificate::encode`], [`TbsStatus::encode`] or [`TbsAnchorUpdate::encode`], signs that text,
//! and calls [`attach_signature`].
//! A verifier calls [`Certificate::parse`], then [`verify`] with an [`Anchor`]. Only [`verify`] makes a
//! [`Verified`](crate::trust::Verified) certificate.

mod anchor;
mod anchor_file;
mod anchor_update;
mod certificate;
mod error;
mod id;
mod signed;
mod status;
mod tbs;
mod verify;

pub use anchor::{Anchor, FormerKey};
pub use anchor_update::{AnchorUpdate, TbsAnchorUpdate};
pub use certificate::Certificate;
pub use error::Error;
pub use id::{Id, IdBuf, IdError};
pub use signed::{attach_signature, verify_object};
pub use status::{Status, TbsStatus, verify_status};
pub use tbs::TbsCertificate;
pub use verify::verify;
