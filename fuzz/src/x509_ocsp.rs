//! OCSP responses.

use minipki_core::encoding::der::DerError;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::ocsp::{OcspCertStatus, OcspChecker, OcspError, OcspResponse, OcspStatus};
use minipki_core::x509::{Certificate, CertificateLink, Place};

use crate::x509_path::{NOW, Trusting, certificates};

/// The certificate of a server, the one of its issuer, and a trust anchor.
const PATH: &[u8] = include_bytes!("../../vectors/x509/accept/plain");

/// Checks any bytes. Returns whether they are an OCSP response.
///
/// - An error is at one of the bytes, or at their end. Each byte is needed.
/// - Only a successful response has an answer.
/// - A certificate is accepted only if all answers about it are current and good, and is revoked only if one says so.
/// - With the nonce of the response, the verdict is the same. With another one, the response is refused.
pub fn x509_ocsp(data: &[u8]) -> bool {
    let response = match OcspResponse::parse(data) {
        Ok(response) => response,
        Err(DerError { at, .. }) => {
            assert!(at <= data.len());
            return false;
        }
    };
    assert!(OcspResponse::parse(&data[..data.len() - 1]).is_err());
    assert!(OcspResponse::parse(&[data, &[0]].concat()).is_err());
    assert_eq!(response.status() == OcspStatus::Successful, response.basic().is_some());

    let path = certificates(PATH);
    let [certificate, issuer, ..] = path.as_slice() else { panic!("a path") };
    let link = CertificateLink {
        certificate,
        place: Place::EndEntity,
        issuer_key: issuer.public_key(),
        issuer: Some(issuer),
    };
    let now = UnixTime::new(NOW).expect("a time");
    let check =
        |nonce| OcspChecker { algorithms: &[&Trusting], now: Now::Exact(now), nonce }.check(&link, &response);
    let about = |certificate: &Certificate<'_>| {
        let (name, serial) = (*certificate.issuer(), certificate.serial());
        let responses = response.basic().map(|basic| basic.responses()).into_iter().flatten();
        let key = *issuer.public_key();
        responses.filter(move |single| single.id.is(&name, &key, serial)).collect::<Vec<_>>()
    };
    let verdict = check(None);
    match verdict {
        Ok(certain) => {
            assert!(certain && !about(certificate).is_empty());
            for single in about(certificate) {
                assert_eq!(single.status, OcspCertStatus::Good);
                assert!(single.this_update <= now && single.next_update.is_some_and(|next| now <= next));
            }
        }
        Err(OcspError::Revoked { revoked_at, reason }) => {
            let revoked = OcspCertStatus::Revoked { revoked_at, reason };
            assert!(about(certificate).iter().any(|single| single.status == revoked));
        }
        Err(OcspError::NoAnswer(status)) => assert_eq!(status, response.status()),
        Err(OcspError::Refused(_)) => {}
    }
    if let Some(nonce) = response.basic().and_then(|basic| basic.nonce()) {
        // With the nonce, nextUpdate may be absent.
        assert!(verdict.is_err() || check(Some(nonce)) == verdict);
        assert!(check(Some(&[nonce, &[0]].concat())).is_err());
    }
    true
}
