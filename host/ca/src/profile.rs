//! What a certificate of this CA says: the one place where its fields are filled in.

use minipki_core::cert::{self, IdBuf, TbsCertificate};
use minipki_core::crypto::rsa;
use minipki_core::limits::CERTIFICATE;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};

use super::policy::{Approved, BACKDATE};
use super::{Policy, Signature};

/// The fields that all certificates of a CA share.
pub(super) struct Profile {
    pub(super) issuer_id: IdBuf,
    pub(super) issuer_key: rsa::PublicKey,
}

/// A certificate could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProfileError {
    #[error(
        "the certificate would be valid beyond the year 9999: check the machine's clock and the policy's validity"
    )]
    Validity,
    #[error("the certificate could not be put together: {0}")]
    Encode(cert::Error),
}

/// From a little before now on, until as long after now as the policy says.
pub(super) fn validity(policy: &Policy, now: UnixTime) -> Result<Validity, ProfileError> {
    let begin = UnixTime::new(now.get().saturating_sub(BACKDATE)).map_err(|_| ProfileError::Validity)?;
    now.checked_add_seconds(policy.validity.as_secs())
        .and_then(|end| Validity::new(begin, end).ok())
        .ok_or(ProfileError::Validity)
}

impl Profile {
    /// The text to be signed.
    pub(super) fn unsigned(
        &self,
        approved: Approved<'_>,
        serial_number: Serial,
        validity: Validity,
    ) -> Result<Vec<u8>, ProfileError> {
        let request = approved.request();
        let unsigned = TbsCertificate {
            issuer_id: self.issuer_id.as_id(),
            issuer_key: &self.issuer_key,
            serial_number,
            subject_id: request.subject_id.as_id(),
            subject_key: request.subject_key,
            validity,
        };
        let mut room = [0; CERTIFICATE];
        unsigned.encode(&mut room).map(<[u8]>::to_vec).map_err(ProfileError::Encode)
    }
}

/// The certificate: the signed text with its signature in front.
pub(super) fn attach_signature(unsigned: &[u8], signature: &Signature) -> Result<Vec<u8>, ProfileError> {
    let mut room = [0; CERTIFICATE];
    cert::attach_signature(unsigned, signature.as_bytes(), &mut room)
        .map(<[u8]>::to_vec)
        .map_err(ProfileError::Encode)
}
