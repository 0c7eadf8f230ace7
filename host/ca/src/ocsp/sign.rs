//! Signed answers.

use std::ops::RangeInclusive;

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Serial};
use minipki_core::x509::ocsp::OcspStatus;

use super::{OcspAnswer, OcspQuery, OcspTimes};
use crate::certify::{IssueError, expect_count};
use crate::ports::{LedgerReader, SignatureAlgorithm, Signer};
use crate::profile::{CaCertificate, ProfileError, ResponseFields, ocsp_response, spki};

/// The limits of the lifetime of an answer, in seconds: from a minute to 7 days. A responder's certificate lives longer.
pub const OCSP_LIFETIMES: RangeInclusive<u64> = 60..=7 * 24 * 60 * 60;

/// The seconds before nextUpdate in which an answer is not given again; for short lifetimes, half of the lifetime. So
/// readers and caches have time to get the next one.
const REPLACED_BEFORE: u64 = 8 * 60 * 60;

/// The key that signs answers.
pub(super) struct ResponseSigner<'a> {
    pub(super) signer: &'a mut dyn Signer,
    /// Its certificate, also if it is the key of the CA: some readers look for it in the response alone.
    pub(super) certificate: &'a [u8],
    /// The time until which its answers can be verified.
    pub(super) end: UnixTime,
}

impl ResponseSigner<'_> {
    /// Signs the answers to requests together. Each request has the statuses of its certificates. An answer can be used for
    /// `lifetime` seconds.
    pub(super) fn sign(
        self,
        asked: &[(&OcspQuery, Vec<CertStatus>)],
        lifetime: u64,
        now: UnixTime,
    ) -> Result<Vec<OcspAnswer>, IssueError> {
        let lifetime = lifetime.clamp(*OCSP_LIFETIMES.start(), *OCSP_LIFETIMES.end());
        let next_update = now.checked_add_seconds(lifetime).ok_or(ProfileError::Validity)?.min(self.end);
        let lifetime = next_update.get().saturating_sub(now.get());
        let replaced_at = next_update.get().saturating_sub(REPLACED_BEFORE.min(lifetime / 2));
        let replaced_at = UnixTime::new(replaced_at).map_err(|_| ProfileError::Validity)?;
        let times = OcspTimes { produced_at: now, next_update, replaced_at };
        let key = spki(self.signer.public_key())?;
        let texts = asked.iter().map(|(query, statuses)| {
            let ids = query.ids.iter().map(Vec::as_slice);
            let fields = ResponseFields {
                responder_key: &key,
                produced_at: now,
                next_update,
                answers: &ids.zip(statuses.iter().copied()).collect::<Vec<_>>(),
                nonce: query.nonce.as_deref(),
            };
            fields.encode().map_err(ProfileError::from)
        });
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let messages: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let signatures = self.signer.sign_many(SignatureAlgorithm::RsaPkcs1, &messages)?;
        expect_count("signatures", messages.len(), signatures.len())?;
        let answers =
            asked.iter().zip(&texts).zip(&signatures).map(|(((query, statuses), text), signature)| {
                let der = ocsp_response(text, signature.as_bytes(), self.certificate)
                    .map_err(ProfileError::from)?;
                // Any client can invent unknown serial numbers.
                let is_shared = query.only().is_some() && !statuses.contains(&CertStatus::Unknown);
                Ok(OcspAnswer {
                    der: der.into(),
                    status: OcspStatus::Successful,
                    shared: is_shared.then_some(times),
                    repeated: false,
                })
            });
        answers.collect()
    }
}

/// Answers a request with the key of the CA that has signed the certificates, whose own certificate is `certificate`. No
/// responder's certificate is made. The answer can be used for `lifetime` seconds.
///
/// # Errors
/// [`IssueError`] if the ledger cannot be read, or if the signer fails.
pub fn answer_ocsp(
    query: &OcspQuery,
    signer: &mut dyn Signer,
    certificate: &CaCertificate,
    reader: &mut dyn LedgerReader,
    lifetime: u64,
    now: UnixTime,
) -> Result<OcspAnswer, IssueError> {
    if !query.is_about(certificate) || certificate.validity().not_after() < now {
        return Ok(OcspAnswer::error(OcspStatus::Unauthorized));
    }
    let key = signer.public_key().fingerprint(minipki_core::crypto::Portable::new());
    let statuses = query.serials().map(|serial| match serial {
        Some(serial) => status_by(reader, key, serial),
        None => Ok(CertStatus::Unknown),
    });
    let statuses = statuses.collect::<Result<Vec<_>, _>>()?;
    let end = certificate.validity().not_after();
    let answers = ResponseSigner { signer, certificate: certificate.der(), end }.sign(
        &[(query, statuses)],
        lifetime,
        now,
    )?;
    answers.into_iter().next().ok_or(IssueError::Count { what: "answers", asked: 1, got: 0 })
}

/// The status of the certificate, if `key` has signed it.
fn status_by(
    reader: &mut dyn LedgerReader,
    key: Fingerprint,
    serial: Serial,
) -> Result<CertStatus, IssueError> {
    let Some(record) = reader.find_by_serial(serial)? else { return Ok(CertStatus::Unknown) };
    // The rows are in the order of the keys.
    let mut first = 1;
    for by in reader.issuer_keys()? {
        let rows = first..first + by.certificates;
        if rows.contains(&record.id) && by.key.fingerprint == key {
            return Ok(record.revocation.map_or(CertStatus::Good, CertStatus::Revoked));
        }
        first = rows.end;
    }
    Ok(CertStatus::Unknown)
}
