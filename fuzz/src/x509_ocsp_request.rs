//! OCSP requests.

use minipki_core::encoding::der::{Decode, DerError, Reader};
use minipki_core::x509::ocsp::{CertId, OcspRequest};

/// Checks any bytes. Returns whether they are an OCSP request.
///
/// - An error is at one of the bytes, or at their end. Each byte is needed.
/// - There is a certificate, and each CertID is a part of the request that can be read alone.
/// - A nonce is a part of the request, of 1 to 128 bytes.
pub fn x509_ocsp_request(data: &[u8]) -> bool {
    let request = match OcspRequest::parse(data) {
        Ok(request) => request,
        Err(DerError { at, .. }) => {
            assert!(at <= data.len());
            return false;
        }
    };
    assert!(OcspRequest::parse(&data[..data.len() - 1]).is_err());
    assert!(OcspRequest::parse(&[data, &[0]].concat()).is_err());
    let holds = |part: &[u8]| data.windows(part.len()).any(|window| window == part);
    assert!(request.certificates().count() > 0);
    for single in request.certificates() {
        assert!(holds(single.der) && (request.has_unknown_critical() || !single.unknown_critical));
        let mut alone = Reader::new(single.der);
        assert_eq!(CertId::decode(&mut alone), Ok(single.id));
        assert!(alone.is_empty());
    }
    assert!(request.nonce().is_none_or(|nonce| (1..=128).contains(&nonce.len()) && holds(nonce)));
    true
}
