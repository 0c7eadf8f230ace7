//! Certificate revocation lists of X.509 (RFC 5280 §5).
//!
//! The scope of a list is the name of the CA, which all its keys have. So each list has the revoked certificates by all keys,
//! and any key of the CA may sign it: a reader looks for a list by the key that has signed the certificate. JSON
//! certificates are listed too: each can have an X.509 twin with its serial number. So are the X.509 certificates of the
//! console, which have another issuer. This is harmless: no serial number is used twice.

use der::Decode as _;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::CertificateList;

use super::certify::{IssueError, expect_count};
use super::ports::{LedgerReader, RevokedCertificate};
use super::profile::{CaCertificate, ListFields, Profile as _, ProfileError, X509Profile};
use super::revocation_list::read_revoked;
use super::{SignatureAlgorithm, Signer};

/// The shortest time that a revoked certificate stays in the lists after its end, in seconds: 7 days. At least one list is
/// made in this time (RFC 5280 §3.3), since each list is replaced before its end.
const KEPT: u64 = 7 * 24 * 60 * 60;

/// The number of the bits of a CRL number that have the time of the list. The seconds since 1970 take fewer.
const TIME_BITS: u32 = 40;

/// A signed list, and its contents in short.
#[derive(Clone, Debug)]
pub struct Crl {
    /// The list: a CertificateList in DER.
    pub der: Vec<u8>,
    /// The number of its entries.
    pub entries: usize,
    /// The revocation number of the CA.
    pub number: u64,
    /// The time until which the list can be used.
    pub next_update: UnixTime,
}

/// The cRLNumber (RFC 5280 §5.2.3): the revocation number, then the time of the list. It must grow from list to list, also
/// if nothing was revoked between them.
fn crl_number(number: u64, this_update: UnixTime) -> u128 {
    u128::from(number) << TIME_BITS | u128::from(this_update.get())
}

/// Makes and signs the list at `now`, for `lifetime` seconds. `certificate` is that of the signer's key.
///
/// # Errors
/// [`IssueError`] if the ledger cannot be read, or if the signer fails.
pub fn sign_crl(
    certificate: &CaCertificate,
    signer: &mut dyn Signer,
    reader: &mut dyn LedgerReader,
    lifetime: u64,
    now: UnixTime,
) -> Result<Crl, IssueError> {
    let (number, revoked) = read_revoked(reader, None)?;
    let kept = lifetime.max(KEPT);
    let listed = |revoked: &RevokedCertificate| revoked.not_after.get().saturating_add(kept) >= now.get();
    let entries: Vec<(Serial, _)> = revoked
        .iter()
        .filter(|revoked| listed(revoked))
        .map(|revoked| (revoked.serial, revoked.revocation))
        .collect();
    let next_update = now.checked_add_seconds(lifetime).ok_or(ProfileError::Validity)?;
    let fields = ListFields {
        issuer: certificate,
        this_update: now,
        next_update,
        number: crl_number(number, now),
        entries: &entries,
    };
    let tbs = fields.encode().map_err(ProfileError::from)?;
    let signatures = signer.sign_many(SignatureAlgorithm::RsaPkcs1, &[&tbs])?;
    expect_count("signatures", 1, signatures.len())?;
    let signature = signatures.first().ok_or(IssueError::Count { what: "signatures", asked: 1, got: 0 })?;
    let der = X509Profile::attach_signature(&tbs, signature)?;
    Ok(Crl { der, entries: entries.len(), number, next_update })
}

/// Whether `der` has the form of a list.
pub fn is_crl(der: &[u8]) -> bool {
    CertificateList::<Rfc5280>::from_der(der).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_list_grows_with_each_revocation_and_with_time() {
        let at = |seconds| UnixTime::new(seconds).expect("a time");
        let last = UnixTime::MAX;
        assert!(crl_number(1, at(1_800_000_000)) < crl_number(1, at(1_800_000_001)));
        assert!(crl_number(1, last) < crl_number(2, at(0)));
        // 20 octets with a sign bit.
        assert!(crl_number(u64::MAX, last).leading_zeros() > 0);
    }
}
