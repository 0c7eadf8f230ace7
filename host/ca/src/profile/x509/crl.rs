//! The fields of a certificate revocation list (RFC 5280 §5.1).

use der::Encode;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, RevocationReason, Serial};
use x509_cert::certificate::Version;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::pkix::{CrlNumber, CrlReason};
use x509_cert::serial_number::SerialNumber;

use super::authority::CaCertificate;
use super::{extension, points, rsa_pkcs1, time};

/// The fields of a list.
pub(crate) struct ListFields<'a> {
    /// The certificate of the key that signs.
    pub(crate) issuer: &'a CaCertificate,
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: UnixTime,
    /// The cRLNumber.
    pub(crate) number: u128,
    /// The addresses of the list, if it has only a part of the revoked certificates.
    pub(crate) urls: &'a [String],
    /// The revoked certificates.
    pub(crate) entries: &'a [(Serial, Revocation)],
}

impl ListFields<'_> {
    /// Encodes the TBSCertList.
    pub(crate) fn encode(&self) -> der::Result<Vec<u8>> {
        let entries = self.entries.iter().map(entry).collect::<der::Result<Vec<_>>>()?;
        let mut extensions =
            vec![self.issuer.authority_key_id()?, extension(&CrlNumber::try_from(self.number)?, false)?];
        extensions.extend(points::of_list(self.urls)?);
        let list: TbsCertList = TbsCertList {
            version: Version::V2,
            signature: rsa_pkcs1(),
            issuer: self.issuer.subject().clone(),
            this_update: time(self.this_update)?,
            next_update: Some(time(self.next_update)?),
            // An empty list must be absent.
            revoked_certificates: (!entries.is_empty()).then_some(entries),
            crl_extensions: Some(extensions),
        };
        list.to_der()
    }
}

fn entry((serial, revocation): &(Serial, Revocation)) -> der::Result<RevokedCert> {
    let reason = match revocation.reason {
        // RFC 5280 §5.3.1: it is left out.
        RevocationReason::Unspecified => None,
        reason => {
            let reason = CrlReason::try_from(u32::from(reason.code()))?;
            Some(vec![extension(&reason, false)?])
        }
    };
    Ok(RevokedCert {
        serial_number: SerialNumber::new(&serial.to_be_bytes())?,
        revocation_date: time(revocation.revoked_at)?,
        crl_entry_extensions: reason,
    })
}
