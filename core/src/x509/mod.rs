//! X.509: certificates, the validation of their paths ([RFC 5280]), and CRLs.
//!
//! | step | type |
//! | --- | --- |
//! | read the DER | [`Certificate`], with its extensions by need: [`extension`] |
//! | choose the rules | [`Profile`], a set of [`Check`]s; [`SignatureAlgorithm`]s; a [`Budget`] |
//! | search and validate a path | [`PathValidator`], in a [`WorkSpace`] of the caller |
//! | use the result | [`ValidPath`]: [`require_name`](ValidPath::require_name), the certificates with the keys of their issuers |
//! | check that nothing is revoked | [`CrlChecker`] |
//! | compare with a certificate in JSON | [`check_twin`] |
//!
//! # Example
//!
//! ```
//! use minipki_core::time::Now;
//! use minipki_core::x509::algorithm::rsa::RSA_PKCS1_SHA256;
//! use minipki_core::x509::{
//!     Certificate, Check, PathValidator, PeerName, SignatureAlgorithm, TrustAnchor, WorkSpace, oid,
//! };
//!
//! // The program links these algorithms alone.
//! static ALGORITHMS: [&dyn SignatureAlgorithm; 1] = [&RSA_PKCS1_SHA256];
//!
//! # macro_rules! file {
//! #     ($name:literal) => { include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/x509/", $name)) }
//! # }
//! # // Made by `openssl ca`, with keys of RSA-2048.
//! # let (server, issuing_ca, root): (&[u8], &[u8], &[u8]) =
//! #     (file!("server.der"), file!("issuing-ca.der"), file!("root.der"));
//! // A TLS server sends its certificate, and that of its issuer. The root is on the device.
//! let (server, intermediates) = (Certificate::parse(server)?, [Certificate::parse(issuing_ca)?]);
//! let anchors = [TrustAnchor::from_certificate(Certificate::parse(root)?)];
//!
//! let mut validator = PathValidator::new(&ALGORITHMS, Now::Exact("2026-06-15T12:00:00+00:00".parse()?));
//! validator.purpose = Some(oid::SERVER_AUTH);
//! let mut space = WorkSpace::new();
//! let path = validator.validate(&server, &intermediates, &anchors, &mut space)?;
//! path.require_name(&PeerName::Dns("www.example.com"))?;
//! let other = path.require_name(&PeerName::Dns("example.org")).unwrap_err();
//! assert_eq!(other.check(), Some(Check::SubjectName));
//!
//! validator.now = Now::Exact("2027-06-15T12:00:00+00:00".parse()?);
//! let expired = validator.validate(&server, &intermediates, &anchors, &mut space).unwrap_err();
//! assert_eq!(expired.check(), Some(Check::NotAfter));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 5280]: https://www.rfc-editor.org/rfc/rfc5280

pub mod algorithm;
mod anchor;
mod budget;
mod certificate;
mod check;
mod constraints;
pub mod crl;
mod error;
pub mod extension;
mod general_name;
mod identity;
mod name;
pub mod ocsp;
pub mod oid;
mod path;
mod policy;
mod profile;
mod reason;
mod rules;
mod search;
mod twin;
mod valid_path;
mod validator;

pub use algorithm::{SignatureAlgorithm, SignatureError};
pub use anchor::TrustAnchor;
pub use budget::Budget;
pub use certificate::{Certificate, PublicKeyInfo, Version};
pub use check::Check;
pub use crl::{Crl, CrlCheck, CrlChecker, RevocationError};
pub use error::{Limit, PathError, Place};
pub use general_name::{GeneralName, GeneralNames};
pub use identity::PeerName;
pub use name::{Attribute, Comparison, Name};
pub use path::Signed;
pub use policy::PolicyInputs;
pub use profile::Profile;
pub use reason::CrlReason;
pub use twin::{TwinError, check_twin};
pub use valid_path::{CertificateLink, ValidPath};
pub use validator::{PathValidator, WorkSpace};
