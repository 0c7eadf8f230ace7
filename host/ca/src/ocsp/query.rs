//! A request for statuses.

use minipki_core::encoding::der::{Decode as _, Reader};
use minipki_core::trust::Serial;
use minipki_core::x509::Certificate;
use minipki_core::x509::ocsp::{CertId, OcspRequest, OcspStatus};

use crate::Source;
use crate::profile::CaCertificate;

/// The maximum number of certificates in a request.
const CERTIFICATES: usize = 16;

/// A request that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspQuery {
    /// The CertID of each certificate, in DER.
    pub(super) ids: Vec<Vec<u8>>,
    pub(super) nonce: Option<Vec<u8>>,
    pub(crate) source: Option<Source>,
}

impl OcspQuery {
    /// The maximum bytes of a request: 16 certificates, a nonce, and a signature with certificates.
    pub const BYTES: usize = 8192;

    /// Reads an OCSPRequest in DER, from the network `source`. Its signature and the name of the requestor are not
    /// checked: everybody gets the same answers.
    ///
    /// # Errors
    /// [`OcspStatus::MalformedRequest`] for a request that is not strict DER, has more than [`OcspQuery::BYTES`] or more
    /// than 16 certificates, a nonce that has not 1 to 128 bytes, or a critical extension other than the nonce.
    pub fn parse(der: &[u8], source: Option<Source>) -> Result<Self, OcspStatus> {
        let request = OcspRequest::parse(der).ok().filter(|_| der.len() <= Self::BYTES);
        let request = request.filter(|request| {
            !request.has_unknown_critical() && request.certificates().count() <= CERTIFICATES
        });
        let request = request.ok_or(OcspStatus::MalformedRequest)?;
        let ids = request.certificates().map(|single| single.der.to_vec()).collect();
        Ok(Self { ids, nonce: request.nonce().map(<[u8]>::to_vec), source })
    }

    /// The serial numbers of the certificates. `None` is a number that no certificate of the CA has.
    pub fn serials(&self) -> impl Iterator<Item = Option<Serial>> {
        let is_positive = |id: &CertId<'_>| id.serial.first().is_some_and(|first| *first < 0x80);
        self.cert_ids().map(move |id| Serial::from_be_bytes(id.serial).ok().filter(|_| is_positive(&id)))
    }

    /// Whether all certificates are by the key of `issuer`, by the hashes of its name and key.
    pub fn is_about(&self, issuer: &CaCertificate) -> bool {
        let Ok(issuer) = Certificate::parse(issuer.der()) else { return false };
        self.cert_ids().all(|id| id.is(issuer.subject(), issuer.public_key(), id.serial))
    }

    /// The CertID of the only certificate, if there is no nonce: the answer is the same for everybody.
    pub(super) fn only(&self) -> Option<&[u8]> {
        match self.ids.as_slice() {
            [id] if self.nonce.is_none() => Some(id),
            _ => None,
        }
    }

    fn cert_ids(&self) -> impl Iterator<Item = CertId<'_>> {
        // They were read before.
        self.ids.iter().filter_map(|der| CertId::decode(&mut Reader::new(der)).ok())
    }
}
