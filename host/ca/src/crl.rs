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

use super::certify::IssueError;
use super::list::{ListDraft, SignedList};
use super::ports::{LedgerReader, RevokedCertificate};
use super::profile::{CaCertificate, ListFields, Profile as _, ProfileError, X509Profile};
use super::revocation_list::read_revoked;
use super::{SignatureAlgorithm, Signer};

/// The shortest time that a revoked certificate stays in the lists after its end, in seconds: 7 days. At least one list is
/// made in this time (RFC 5280 §3.3), since each list is replaced before its end.
const KEPT: u64 = 7 * 24 * 60 * 60;

/// The number of the bits of a CRL number that have the time of the list. The seconds since 1970 take fewer.
const TIME_BITS: u32 = 40;

/// The cRLNumber (RFC 5280 §5.2.3): the revocation number, then the time of the list. It must grow from list to list, also
/// if nothing was revoked between them.
fn crl_number(number: u64, this_update: UnixTime) -> u128 {
    u128::from(number) << TIME_BITS | u128::from(this_update.get())
}

/// Makes the list of this shard at `now`, for `lifetime` seconds. The key of `certificate` shall sign it.
///
/// If there are several lists, each names its addresses in a critical issuingDistributionPoint: also the addresses by earlier
/// public URLs, since certificates name these.
///
/// # Errors
/// [`IssueError`] if the ledger cannot be read.
pub fn draft_crl(
    certificate: &CaCertificate,
    shard: u32,
    reader: &mut dyn LedgerReader,
    lifetime: u64,
    now: UnixTime,
) -> Result<ListDraft, IssueError> {
    let publication = reader.publication()?;
    let shards = publication.shards;
    let (number, revoked) = read_revoked(reader, None)?;
    let kept = lifetime.max(KEPT);
    let listed = |revoked: &&RevokedCertificate| {
        shards.of(revoked.serial) == shard && revoked.not_after.get().saturating_add(kept) >= now.get()
    };
    let entries: Vec<(Serial, _)> =
        revoked.iter().filter(listed).map(|revoked| (revoked.serial, revoked.revocation)).collect();
    let next_update = now.checked_add_seconds(lifetime).ok_or(ProfileError::Validity)?;
    let fields = ListFields {
        issuer: certificate,
        this_update: now,
        next_update,
        number: crl_number(number, now),
        urls: &publication.list_urls(certificate.key_id(), shard),
        entries: &entries,
    };
    Ok(ListDraft {
        key: certificate.key(),
        algorithm: SignatureAlgorithm::RsaPkcs1,
        attach: X509Profile::attach_signature,
        tbs: fields.encode().map_err(ProfileError::from)?,
        entries: entries.len(),
        number,
        this_update: now,
        next_update,
    })
}

/// Makes the list as [`draft_crl`] does, and signs it with the key of `certificate`.
///
/// # Errors
/// [`IssueError`] if the ledger cannot be read, or if the signer fails.
pub fn sign_crl(
    certificate: &CaCertificate,
    shard: u32,
    signer: &mut dyn Signer,
    reader: &mut dyn LedgerReader,
    lifetime: u64,
    now: UnixTime,
) -> Result<SignedList, IssueError> {
    draft_crl(certificate, shard, reader, lifetime, now)?.sign(signer)
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
