//! The check of an OCSP response ([RFC 6960 §3.2](https://www.rfc-editor.org/rfc/rfc6960#section-3.2)).

use sha1::{Digest, Sha1};

use super::{BasicResponse, OcspCertStatus, OcspCheck, OcspError, OcspResponse, ResponderId, SingleResponse};
use crate::time::Now;
use crate::trust::{Validity, ValidityError};
use crate::x509::extension::{ExtendedKeyUsage, KeyUsage};
use crate::x509::{
    Certificate, CertificateLink, Check, Comparison, Name, PublicKeyInfo, SignatureAlgorithm, Signed, oid,
};

/// Certificates in a response that are tried as that of the responder.
const CERTIFICATES: usize = 4;

/// The inputs of the check of an OCSP response, apart from the certificate and the response.
#[derive(Clone, Copy)]
pub struct OcspChecker<'o> {
    /// The accepted signature algorithms.
    pub algorithms: &'o [&'o dyn SignatureAlgorithm],
    /// The present time.
    pub now: Now,
    /// The nonce of the request. `None` accepts any nonce: then an old response is accepted up to its nextUpdate.
    pub nonce: Option<&'o [u8]>,
}

impl OcspChecker<'_> {
    /// Checks that a certificate of a valid path is not revoked. Returns `false` if only a lower bound of the time is
    /// known and the request had no nonce, so that the response may be out of date.
    ///
    /// The responder is the issuer itself, or has a certificate that the issuer has signed for this purpose, with
    /// ocsp-nocheck. At most 9 signatures are verified.
    ///
    /// # Errors
    /// [`OcspError`].
    pub fn check(&self, link: &CertificateLink<'_>, response: &OcspResponse<'_>) -> Result<bool, OcspError> {
        let basic = response.basic().ok_or(OcspError::NoAnswer(response.status()))?;
        if basic.has_unknown_critical() {
            return Err(OcspCheck::CriticalExtension.into());
        }
        if self.nonce.is_some() && basic.nonce() != self.nonce {
            return Err(OcspCheck::Nonce.into());
        }
        self.check_responder(link, basic)?;
        let (issuer, serial) = (link.certificate.issuer(), link.certificate.serial());
        let mut found = None;
        for single in basic.responses().filter(|single| single.id.is(issuer, link.issuer_key, serial)) {
            let certain = self.check_single(&single)?;
            found = Some(found.unwrap_or(true) && certain);
        }
        found.ok_or(OcspCheck::CertId.into())
    }

    /// Checks that the issuer, or a responder that it has certified, has signed the response.
    fn check_responder(
        &self,
        link: &CertificateLink<'_>,
        basic: &BasicResponse<'_>,
    ) -> Result<(), OcspCheck> {
        let issuer = link.certificate.issuer();
        let mut failed = OcspCheck::Responder;
        if is_responder(basic.responder(), issuer, link.issuer_key) {
            match self.verify(&basic.signed(), link.issuer_key) {
                Ok(()) => return Ok(()),
                Err(check) => failed = check,
            }
        }
        for der in basic.certificates().take(CERTIFICATES) {
            let Ok(certificate) = Certificate::parse(der) else { continue };
            if !is_responder(basic.responder(), certificate.subject(), certificate.public_key()) {
                continue;
            }
            let checked = self.check_certificate(&certificate, issuer, link.issuer_key);
            match checked.and_then(|()| self.verify(&basic.signed(), certificate.public_key())) {
                Ok(()) => return Ok(()),
                Err(check) => failed = failed.max(check),
            }
        }
        Err(failed)
    }

    /// Checks the certificate of a responder.
    fn check_certificate(
        &self,
        certificate: &Certificate<'_>,
        issuer: &Name<'_>,
        issuer_key: &PublicKeyInfo<'_>,
    ) -> Result<(), OcspCheck> {
        let signed = Signed {
            algorithm: certificate.signature_algorithm(),
            message: certificate.tbs(),
            signature: certificate.signature(),
        };
        if certificate.issuer().compare(issuer) != Comparison::Same
            || certificate.signed_algorithm() != certificate.signature_algorithm()
            || signed.verify(self.algorithms, issuer_key).is_err()
        {
            return Err(OcspCheck::Responder);
        }
        let mut no_check = false;
        for extension in certificate.extensions() {
            no_check |= extension.id == oid::OCSP_NO_CHECK;
            let known = extension.check().map_err(|_| OcspCheck::ResponderExtension)?;
            if extension.critical && !known && extension.id != oid::OCSP_NO_CHECK {
                return Err(OcspCheck::ResponderExtension);
            }
        }
        // The extensions were read above, without an error.
        match certificate.extension::<ExtendedKeyUsage<'_>>() {
            Ok(Some(purposes)) if purposes.value.contains(oid::OCSP_SIGNING) => {}
            _ => return Err(OcspCheck::ResponderPurpose),
        }
        if let Ok(Some(usage)) = certificate.extension::<KeyUsage>()
            && !usage.value.contains(KeyUsage::DIGITAL_SIGNATURE)
            && !usage.value.contains(KeyUsage::NON_REPUDIATION)
        {
            return Err(OcspCheck::ResponderKeyUsage);
        }
        if !no_check {
            return Err(OcspCheck::ResponderNoCheck);
        }
        Validity::new(certificate.not_before(), certificate.not_after())
            .and_then(|validity| validity.check(self.now))
            .map(drop)
            .map_err(|_| OcspCheck::ResponderTime)
    }

    fn verify(&self, signed: &Signed<'_>, key: &PublicKeyInfo<'_>) -> Result<(), OcspCheck> {
        signed.verify(self.algorithms, key).map_err(|check| match check {
            Check::SignatureAlgorithm => OcspCheck::SignatureAlgorithm,
            Check::IssuerKey => OcspCheck::ResponderKey,
            _ => OcspCheck::Signature,
        })
    }

    /// Checks the times and the status of an answer. Returns whether it is known to be current.
    fn check_single(&self, single: &SingleResponse<'_>) -> Result<bool, OcspError> {
        if single.unknown_critical {
            return Err(OcspCheck::CriticalExtension.into());
        }
        // With the nonce of the request, the answer was made now.
        let fresh = self.nonce.is_some();
        let next = match single.next_update {
            Some(next) => next,
            None if fresh => {
                let (Now::Exact(now) | Now::AtLeast(now)) = self.now;
                single.this_update.max(now)
            }
            None => return Err(OcspCheck::NextUpdate.into()),
        };
        let current = Validity::new(single.this_update, next).and_then(|validity| validity.check(self.now));
        let certain = current.map_err(|error| match error {
            ValidityError::NotYetValid { .. } => OcspCheck::ThisUpdate,
            ValidityError::Expired { .. } | ValidityError::Order => OcspCheck::NextUpdate,
        })?;
        match single.status {
            OcspCertStatus::Good => Ok(certain || fresh),
            OcspCertStatus::Revoked { revoked_at, reason } => Err(OcspError::Revoked { revoked_at, reason }),
            OcspCertStatus::Unknown => Err(OcspCheck::Known.into()),
        }
    }
}

/// Returns whether the responder has this name, or this key.
fn is_responder(responder: &ResponderId<'_>, name: &Name<'_>, key: &PublicKeyInfo<'_>) -> bool {
    match responder {
        ResponderId::Name(responder) => responder.compare(name) == Comparison::Same,
        ResponderId::Key(hash) => Sha1::digest(key.key()).as_slice() == *hash,
    }
}
