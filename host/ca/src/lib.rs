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
mod key_certificates;
mod key_id;
pub mod limits;
mod list;
pub mod ocsp;
mod outage;
pub mod pgp_words;
pub mod policy;
pub mod ports;
pub mod profile;
pub mod publication;
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
pub use ca_certificate::{CaCertificates, ca_certificates, certify_next_key};
pub use certify::{IssueError, Issued};
pub use chain::{CaChain, ChainError, ca_request};
pub use crl::{draft_crl, is_crl, sign_crl};
pub use csr::{Csr, CsrError};
pub use key_certificates::{
    KeyCertificates, certificate_of, certificates_of, cross_chain, if_made, name_certificate,
};
pub use key_id::{KeyId, KeyIdError};
pub use limits::RateLimits;
pub use list::{ListDraft, SignedList};
pub use ocsp::{NewSigner, OCSP_LIFETIMES, OcspAnswer, OcspQuery, OcspTimes, answer_ocsp};
pub use policy::{Authorization, Enrolment, LIFETIMES, Policy, Refused};
pub use ports::{
    Inquiry, Ledger, LedgerError, LedgerFacts, NewCertificate, Recorder, SignError, Signature,
    SignatureAlgorithm, Signer, TokenHash,
};
pub use profile::{
    AllowedName, AllowedNameError, CaCertificate, CaCertificateOptions, IpNetwork, IpNetworkError, Permitted,
    SubjectName, TlsUsage, check_record, check_twin,
};
pub use publication::{
    NeedsUrl, OCSP_PATH, PublicUrl, PublicUrlError, Publication, Shards, certificate_path, crl_path,
};
pub use request::{
    CertificationRequest, HolderCheck, IssueRequest, Possession, PossessionCheck, RequestProof,
    RevocationRequest, StatusRequest, TwinRequest,
};
pub use revocation_list::{
    RevocationList, RevocationListError, RevokedEntry, draft_revocation_list, sign_revocation_list,
};
pub use sign::{SignRefused, SignRequest, sign_requests};
pub use source::Source;
pub use status::StatusAnswer;
pub use tls_server::{TlsCertificates, TlsServerRequest, issue_tls_server};
pub use token::Token;
pub use twin::Twin;
