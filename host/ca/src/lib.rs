//! The certificate authority: its policy, its certificate profiles, and the steps of issuing, revocation and status. It
//! has no sockets, files, database or clock.
//!
//! Read [`authority`] first. It decides with [`policy`] and [`limits`], and issues with [`certify`]. Its signer and its
//! storage are behind [`ports`].

mod anchors;
pub mod authority;
pub mod ca_certificate;
pub mod certify;
pub mod chain;
pub mod crl;
pub mod csr;
pub mod limits;
mod outage;
pub mod pgp_words;
pub mod policy;
pub mod ports;
pub mod profile;
pub mod request;
pub mod revocation_list;
pub mod sign;
mod signers;
pub mod source;
pub mod status;
pub mod tls_server;
pub mod token;
pub mod twin;

pub use anchors::updates_fit;
pub use authority::Authority;
pub use ca_certificate::{
    CaCertificates, ca_certificates, certificate_of, certify_next_key, name_certificate,
};
pub use certify::{IssueError, Issued};
pub use chain::{CaChain, ChainError, ca_request};
pub use crl::{Crl, is_crl, sign_crl};
pub use csr::{Csr, CsrError};
pub use limits::RateLimits;
pub use policy::{Authorization, Enrolment, LIFETIMES, Policy, Refused};
pub use ports::{
    Inquiry, Ledger, LedgerError, LedgerFacts, NewCertificate, Recorder, SignError, Signature,
    SignatureAlgorithm, Signer, TokenHash,
};
pub use profile::{
    AllowedName, AllowedNameError, CaCertificate, CaCertificateOptions, IpNetwork, IpNetworkError, Permitted,
    SubjectName, TlsName, TlsUsage, check_record, check_twin,
};
pub use request::{
    CertificationRequest, HolderCheck, IssueRequest, Possession, PossessionCheck, RequestProof,
    RevocationRequest, StatusRequest, TwinRequest,
};
pub use revocation_list::{RevocationList, RevocationListError, RevokedEntry, sign_revocation_list};
pub use sign::{SignRefused, SignRequest, sign_requests};
pub use source::Source;
pub use status::StatusAnswer;
pub use tls_server::{TlsCertificates, TlsServerRequest, issue_tls_server};
pub use token::Token;
pub use twin::Twin;
