//! The X.509 twins of JSON certificates. A twin is made when it is asked for first, is recorded beside its certificate,
//! and is the same ever after.
//!
//! The key that has signed the certificate signs its twin too. So revocation lists and statuses need no second rule. A
//! former key without a CA certificate makes no twins: nobody has imported it, and no later key vouches for it.

use std::collections::{BTreeMap, HashMap};

use minipki_core::cert::Id;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::X509_TWIN;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::certify::{IssueError, expect_count};
use super::policy::Refused;
use super::ports::{CertificateFormat, Ledger, Signer, TwinFacts};
use super::profile::{
    CaCertificate, CaIdentity, CertTemplate, Profile, ProfileError, TwinProfile, X509Profile, x25519_spki,
};

/// An X.509 twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// Whether it was recorded before.
    pub repeated: bool,
}

/// The decision on a request.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// The recorded twin.
    Recorded(Vec<u8>),
    /// A new twin of this certificate.
    New(Box<TwinFacts>),
}

/// Decides on a request, by the facts about its certificate.
pub(super) fn decide(facts: Option<TwinFacts>, now: UnixTime) -> Result<Decision, Refused> {
    let facts = facts.filter(|facts| facts.record.format == CertificateFormat::Json);
    let facts = facts.ok_or(Refused::UnknownCertificate)?;
    if facts.record.revocation.is_some() {
        return Err(Refused::Revoked);
    }
    if facts.record.validity.not_after() < now {
        return Err(Refused::Expired);
    }
    Ok(match facts.twin {
        Some(twin) => Decision::Recorded(twin),
        None => Decision::New(Box::new(facts)),
    })
}

/// Certificates without a twin, by the key that has signed them. No certificate is in it twice.
#[derive(Default)]
pub(super) struct Waiting {
    by_key: BTreeMap<[u8; 32], HashMap<Serial, TwinFacts>>,
}

impl Waiting {
    pub(super) fn add(&mut self, facts: TwinFacts) {
        self.by_key.entry(facts.issuer_key.0).or_default().entry(facts.record.serial).or_insert(facts);
    }

    pub(super) fn has(&self, serial: Serial) -> bool {
        self.by_key.values().any(|facts| facts.contains_key(&serial))
    }

    pub(super) fn into_keys(self) -> impl Iterator<Item = (Fingerprint, HashMap<Serial, TwinFacts>)> {
        self.by_key.into_iter().map(|(key, facts)| (Fingerprint(key), facts))
    }
}

/// The results by the serial number of the certificate.
pub(super) type Made = HashMap<Serial, Result<Twin, Refused>>;

/// Signs the twins of certificates by one key of the CA, whose certificate is `issuer`, and records them together.
/// [`Refused::NoX509`] refuses one of them alone: readers would refuse that twin.
///
/// # Errors
/// [`IssueError`]: nothing was recorded.
pub(super) fn make(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    ledger: &mut dyn Ledger,
    issuer: &CaCertificate,
    certificates: &HashMap<Serial, TwinFacts>,
    now: UnixTime,
) -> Result<Made, IssueError> {
    let profile =
        X509Profile::Twin(TwinProfile { issuer: issuer.clone(), publication: ledger.publication()? });
    let ca = CaIdentity { issuer_id, issuer_key: signer.public_key() };
    let (mut made, mut tbs) = (Made::new(), Vec::new());
    for (serial, facts) in certificates {
        match encode(&ca, &profile, facts) {
            Ok(encoded) => tbs.push((*serial, encoded)),
            Err(error) => {
                tracing::warn!(%serial, %error, "a certificate has no X.509 twin");
                made.insert(*serial, Err(Refused::NoX509));
            }
        }
    }
    let messages: Vec<&[u8]> = tbs.iter().map(|(_, tbs)| tbs.as_slice()).collect();
    if messages.is_empty() {
        return Ok(made);
    }
    let signatures = signer.sign_many(X509Profile::ALGORITHM, &messages)?;
    expect_count("signatures", messages.len(), signatures.len())?;
    let mut twins = Vec::with_capacity(tbs.len());
    for ((serial, tbs), signature) in tbs.iter().zip(&signatures) {
        twins.push((*serial, X509Profile::attach_signature(tbs, signature)?));
    }
    ledger.record_twins(&twins, now)?;
    made.extend(twins.into_iter().map(|(serial, der)| (serial, Ok(Twin { der, repeated: false }))));
    Ok(made)
}

fn encode(ca: &CaIdentity<'_>, profile: &X509Profile, facts: &TwinFacts) -> Result<Vec<u8>, ProfileError> {
    let record = &facts.record;
    let template = CertTemplate {
        profile,
        subject_id: record.subject_id.as_id(),
        subject_key: &x25519_spki(&record.subject_key)?,
        validity: record.validity,
        token: None,
        renews: None,
        supersede: false,
        lifetime: None,
        request: None,
    };
    let tbs = X509Profile::encode_tbs(ca, &template, record.serial)?;
    // The signature, its algorithm, and the headers.
    let length = tbs.len() + ca.issuer_key.size().bytes() + 100;
    if length > X509_TWIN { Err(ProfileError::TwinTooLong(length)) } else { Ok(tbs) }
}
