//! The check of a certificate before it is signed: the strict reader and the path validation of the core read it, with a
//! signature that stands for the one to come.

use minipki_core::encoding::der::Oid;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::algorithm::rsa::RSA_PKCS1_SHA256;
use minipki_core::x509::{
    Certificate, PathError, PathValidator, PeerName, Profile, SignatureAlgorithm, SignatureError,
    TrustAnchor, WorkSpace,
};

use super::{ProfileError, attach};

/// The bytes that stand for the signature. No RSA signature is so short.
const STAND_IN: &[u8] = b"lint";

/// `sha256WithRSAEncryption`, whose only valid signature is [`STAND_IN`].
struct StandIn;

impl SignatureAlgorithm for StandIn {
    fn name(&self) -> &'static str {
        RSA_PKCS1_SHA256.name()
    }

    fn is_signature_id(&self, signature: &[u8]) -> bool {
        RSA_PKCS1_SHA256.is_signature_id(signature)
    }

    fn is_key_id(&self, key: &[u8]) -> bool {
        RSA_PKCS1_SHA256.is_key_id(key)
    }

    fn check_key(&self, key: &[u8]) -> Result<(), SignatureError> {
        RSA_PKCS1_SHA256.check_key(key)
    }

    fn verify(&self, key: &[u8], _: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.check_key(key)?;
        if signature == STAND_IN { Ok(()) } else { Err(SignatureError::Signature) }
    }
}

/// The trust anchor under which a certificate is checked.
pub(super) enum Issuer<'a> {
    /// The certificate is self-signed.
    Itself,
    /// This certificate of the CA, in DER.
    Certificate(&'a [u8]),
}

/// The times at which a certificate is checked.
pub(super) enum Times {
    /// The first and the last second of its validity.
    OfCertificate,
    /// The first and the last second at which its issuer's certificate is valid too. A twin can begin before that
    /// certificate was made.
    Common,
}

/// The properties that a reader expects of a certificate.
pub(super) struct Expected<'a> {
    pub(super) issuer: Issuer<'a>,
    pub(super) profile: Profile,
    pub(super) purposes: &'a [Oid<'a>],
    pub(super) names: &'a [PeerName<'a>],
    pub(super) times: Times,
}

impl Expected<'_> {
    /// Checks the certificate with this TBSCertificate, at the first and the last of its times.
    ///
    /// # Errors
    /// [`ProfileError::Encoding`] or [`ProfileError::Lint`].
    pub(super) fn check(&self, tbs: &[u8]) -> Result<(), ProfileError> {
        let der = attach(tbs, STAND_IN)?;
        let certificate = Certificate::parse(&der).map_err(ProfileError::Encoding)?;
        let anchor = match self.issuer {
            Issuer::Itself => TrustAnchor::from_certificate(certificate),
            Issuer::Certificate(der) => {
                TrustAnchor::from_certificate(Certificate::parse(der).map_err(ProfileError::Encoding)?)
            }
        };
        let check = |now: UnixTime, purpose| -> Result<(), PathError> {
            let algorithms: [&dyn SignatureAlgorithm; 1] = [&StandIn];
            let mut validator = PathValidator::new(&algorithms, Now::Exact(now));
            validator.profile = self.profile;
            validator.purpose = purpose;
            let (anchors, mut space) = ([anchor], WorkSpace::new());
            let path = validator.validate(&certificate, &[], &anchors, &mut space)?;
            self.names.iter().try_for_each(|name| path.require_name(name))
        };
        let (mut first, mut last) = (certificate.not_before(), certificate.not_after());
        if let (Times::Common, Some(issuer)) = (&self.times, anchor.certificate()) {
            (first, last) = (first.max(issuer.not_before()), last.min(issuer.not_after()));
        }
        for now in [first, last] {
            check(now, None).map_err(ProfileError::Lint)?;
            for purpose in self.purposes {
                check(now, Some(*purpose)).map_err(ProfileError::Lint)?;
            }
        }
        Ok(())
    }
}
