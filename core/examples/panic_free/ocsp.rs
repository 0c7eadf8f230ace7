//! X.509: OCSP requests and responses.

use minipki_core::encoding::der::DerError;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::ocsp::{
    BasicResponse, CertId, OcspCheck, OcspChecker, OcspRequest, OcspResponse, OcspStatus,
};
use minipki_core::x509::{Certificate, CertificateLink, Place, SignatureAlgorithm};

use crate::documents::say;
use crate::{any, bytes, keep};

/// All public functions of `x509::ocsp`.
pub(crate) fn all() {
    for check in OcspCheck::ALL {
        keep((OcspCheck::name(*check), OcspCheck::section(*check), OcspCheck::meaning(*check)));
        say(*check);
    }
    keep(request());
    keep(response());
}

fn request() -> Result<(), DerError> {
    let request = OcspRequest::parse(bytes())?;
    keep((OcspRequest::nonce(&request), OcspRequest::has_unknown_critical(&request)));
    for single in OcspRequest::certificates(&request) {
        keep((single.der, single.unknown_critical));
    }
    Ok(())
}

fn response() -> Result<(), DerError> {
    let response = OcspResponse::parse(bytes())?;
    keep(OcspStatus::name(OcspResponse::status(&response)));
    let certificate = Certificate::parse(bytes())?;
    if let Some(basic) = OcspResponse::basic(&response) {
        keep((BasicResponse::signed(basic), BasicResponse::responder(basic), BasicResponse::nonce(basic)));
        keep((BasicResponse::produced_at(basic), BasicResponse::has_unknown_critical(basic)));
        BasicResponse::certificates(basic).for_each(keep);
        for single in BasicResponse::responses(basic) {
            keep(CertId::is(&single.id, certificate.issuer(), certificate.public_key(), bytes()));
        }
    }
    let algorithms: &[&dyn SignatureAlgorithm] = any(&[]);
    let now = match any(0) {
        0 => Now::Exact(UnixTime::MIN),
        _ => Now::AtLeast(UnixTime::MIN),
    };
    let checker = OcspChecker { algorithms, now, nonce: any(None) };
    let (issuer, issuer_key) = (any(None), certificate.public_key());
    let link =
        CertificateLink { certificate: &certificate, place: any(Place::EndEntity), issuer_key, issuer };
    match OcspChecker::check(&checker, &link, &response) {
        Ok(certain) => keep(certain),
        Err(error) => say(error),
    }
    Ok(())
}
