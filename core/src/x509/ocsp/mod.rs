//! OCSP: a view of a response, and its check ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)).

mod cert_id;
mod check;
mod checker;
mod response;

pub use self::cert_id::{CertId, CertIdHash};
pub use self::check::{OcspCheck, OcspError};
pub use self::checker::OcspChecker;
pub use self::response::{
    BasicResponse, OcspCertStatus, OcspResponse, OcspStatus, ResponderId, SingleResponse,
};
