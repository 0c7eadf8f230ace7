//! The certificate authority itself: who may have a certificate, what it says, and in which order
//! it is signed, recorded and answered. Pure: no sockets, no files, no database, no clock.
//!
//! Read [`authority`] first; [`policy`] is what it decides by, [`limits`] how many certificates it issues within an
//! hour, [`profile`] what it writes, and [`ports`] what it needs from outside.

pub mod authority;
pub mod limits;
mod outage;
pub mod policy;
pub mod ports;
pub mod profile;
pub mod request;
pub mod source;
pub mod token;

pub use authority::{Authority, Issued};
pub use limits::RateLimits;
pub use policy::{Authorization, Enrolment, Policy, Refused};
pub use ports::{
    Inquiry, Ledger, LedgerError, LedgerFacts, NewCertificate, SignError, Signature, Signer, TokenHash,
};
pub use request::{CertificationRequest, IssueRequest, Possession, PossessionCheck};
pub use source::Source;
pub use token::Token;
