//! OCSP: views of a response and of a request, and the check of a response
//! ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)).

mod cert_id;
mod check;
mod checker;
mod request;
mod response;

pub use self::cert_id::{CertId, CertIdHash};
pub use self::check::{OcspCheck, OcspError};
pub use self::checker::OcspChecker;
pub use self::request::{OcspRequest, SingleRequest};
pub use self::response::{
    BasicResponse, OcspCertStatus, OcspResponse, OcspStatus, ResponderId, SingleResponse,
};
