//! The status of certificates by OCSP (RFC 6960, and its lightweight profile RFC 5019), for readers of X.509.
//!
//! - A request is about certificates of one key of the CA. The status is that of the ledger, for certificates of any
//!   format: a JSON certificate and an X.509 certificate with one serial number are revoked together.
//! - A serial number that this key has never signed is `unknown`, and so never `good`. It is not `revoked` either (RFC 6960
//!   §2.2 allows this): after the restore of a backup, a genuine certificate may be missing in the ledger.
//! - Other CAs, and their certificates, are not this responder's matter: the whole answer is `unauthorized`.

mod query;
mod responder;
mod sign;

use std::sync::Arc;

use minipki_core::time::UnixTime;
use minipki_core::x509::ocsp::OcspStatus;

use super::profile::ocsp_error;

pub use self::query::OcspQuery;
pub use self::responder::NewSigner;
pub(super) use self::responder::{OcspCa, OcspResponder};
pub use self::sign::{OCSP_LIFETIMES, answer_ocsp};

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspAnswer {
    /// OCSPResponse in DER.
    pub der: Arc<[u8]>,
    /// The status of the response. Only [`OcspStatus::Successful`] has a signed answer.
    pub status: OcspStatus,
    /// The times for a cache, for example of HTTP (RFC 5019 §6). `None` if the answer is for this request alone.
    pub shared: Option<OcspTimes>,
    /// Whether the same bytes were an answer before.
    pub repeated: bool,
}

/// The times of an answer that may be given to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspTimes {
    /// The time of the signature: producedAt and thisUpdate.
    pub produced_at: UnixTime,
    /// The time until which the answer can be used.
    pub next_update: UnixTime,
    /// The time at which the CA makes a new answer, if nothing is revoked before.
    pub replaced_at: UnixTime,
}

impl OcspAnswer {
    /// An answer without a statement: the status alone, not signed.
    pub fn error(status: OcspStatus) -> Self {
        Self { der: ocsp_error(status).as_slice().into(), status, shared: None, repeated: false }
    }
}
