//! X.509 certificates and paths of them ([RFC 5280](https://www.rfc-editor.org/rfc/rfc5280)).

pub mod algorithm;
mod anchor;
mod budget;
mod certificate;
mod check;
mod constraints;
mod error;
pub mod extension;
mod general_name;
mod identity;
mod name;
pub mod oid;
mod path;
mod policy;
mod profile;
mod rules;
mod search;
mod valid_path;
mod validator;

pub use algorithm::{SignatureAlgorithm, SignatureError};
pub use anchor::TrustAnchor;
pub use budget::Budget;
pub use certificate::{Certificate, PublicKeyInfo, Version};
pub use check::Check;
pub use error::{Limit, PathError, Place};
pub use general_name::{GeneralName, GeneralNames};
pub use identity::PeerName;
pub use name::{Attribute, Comparison, Name};
pub use path::Signed;
pub use policy::PolicyInputs;
pub use profile::Profile;
pub use valid_path::{CertificateLink, ValidPath};
pub use validator::{PathValidator, WorkSpace};
