//! The X.509 certificates of the CA's own keys: a self-signed one for each key, and cross certificates between two keys.
//!
//! They are made at the first need, recorded as all others, and are the same ever after. The operator acts with the CA's
//! folder, so no proof of possession and no policy apply. All of them have the same subject (RFC 4210 §4.4):
//!
//! - The new key is certified by the key before it, at the change of the key ([`certify_next_key`]). So a reader that
//!   trusts the earlier certificate accepts certificates of the new key.
//! - A key that another CA certifies has its chain instead ([`CaChain`]). Without that chain, nothing is issued in X.509.
//! - Former keys are certified by the present one ([`ca_certificates`]). So a reader that trusts only the new certificate
//!   accepts earlier certificates until they end.

use minipki_core::cert::Id;
use minipki_core::crypto::{Portable, rsa};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;

use super::Signer;
use super::certify::{IssueError, Issued, certify, expect_count};
use super::chain::CaChain;
use super::key_certificates::{hash, name_certificate};
use super::ports::{AnsweredRequest, CertificateRecord, KeyChain, LedgerError, Recorder};
use super::profile::{
    self, AuthorityProfile, BACKDATE, CaCertificate, CaCertificateOptions, CertTemplate, ProfileError,
    X509Profile, spki,
};

/// The time from the issue of a CA certificate to its end without another choice, in seconds: 20 years with their leap
/// days.
const LIFETIME: u64 = 7305 * 24 * 60 * 60;

/// The X.509 certificates of the CA's present key.
#[derive(Clone, Debug)]
pub struct CaCertificates {
    /// The self-signed certificate, or the first one of the chain.
    pub own: Issued,
    /// The other certificates of the chain, in DER, the direct issuer first.
    pub issuers: Vec<Vec<u8>>,
    /// The cross certificates between this key and each former one.
    pub cross: Vec<Issued>,
}

/// The CA that signs: its name and its key.
struct Certifier<'a> {
    issuer_id: Id<'a>,
    signer: &'a mut dyn Signer,
    ledger: &'a mut dyn Recorder,
    now: UnixTime,
}

impl Certifier<'_> {
    fn key(&self) -> Fingerprint {
        self.signer.public_key().fingerprint(Portable::new())
    }

    /// The certificate of `subject` by the key `issuer`, if it was made.
    fn find(
        &mut self,
        issuer: Fingerprint,
        subject: Fingerprint,
    ) -> Result<Option<CertificateRecord>, LedgerError> {
        Ok(self.ledger.request_facts(hash(issuer, subject), &[])?.earlier)
    }

    /// Makes the certificate of `subject_key`. If another process has made it meanwhile, returns that one.
    fn issue(
        &mut self,
        profile: AuthorityProfile,
        subject_key: &rsa::PublicKey,
        validity: Validity,
    ) -> Result<Issued, IssueError> {
        let subject = subject_key.fingerprint(Portable::new());
        let request = Some(AnsweredRequest { hash: hash(self.key(), subject), earlier: None });
        let (profile, subject_key) = (X509Profile::Authority(profile), spki(subject_key)?);
        let template = CertTemplate {
            profile: &profile,
            subject_id: self.issuer_id,
            subject_key: &subject_key,
            validity,
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request,
        };
        match certify(self.issuer_id, self.signer, self.ledger, &[template], self.now) {
            Err(IssueError::Ledger(error @ LedgerError::AnsweredMeanwhile(_))) => {
                let found = self.find(self.key(), subject)?;
                found.map(Issued::again).ok_or(IssueError::Ledger(error))
            }
            issued => {
                let mut issued = issued?;
                expect_count("certificates", 1, issued.len())?;
                issued.pop().ok_or(IssueError::Count { what: "certificates", asked: 1, got: 0 })
            }
        }
    }

    /// Makes the cross certificate of `subject_key` with this profile by this key, whose own certificate is `own`.
    fn cross(
        &mut self,
        own: &CaCertificate,
        profile: AuthorityProfile,
        subject_key: &rsa::PublicKey,
        end: UnixTime,
    ) -> Result<Issued, IssueError> {
        let begin = profile::validity(1, self.now)?.not_before().max(own.validity().not_before());
        let end = end.min(own.validity().not_after());
        let validity = Validity::new(begin, end).map_err(|_| ProfileError::Validity)?;
        self.issue(profile, subject_key, validity)
    }
}

/// The certificates of the present key of the CA, which `signer` has. What is missing is made. `former` are the
/// fingerprints of the former keys, the latest one last. `options` are the choices of the operator, if there are any.
///
/// Without a certificate of a former key, no cross certificate is made: nobody can trust that key.
///
/// # Errors
/// [`IssueError`]; [`ProfileError::ChainAwaited`]; [`ProfileError::CaCertificateExists`] for a certificate with other choices. What was made before an error is recorded, and the next call continues.
pub fn ca_certificates(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    former: &[Fingerprint],
    ledger: &mut dyn Recorder,
    options: Option<&CaCertificateOptions>,
    now: UnixTime,
) -> Result<CaCertificates, IssueError> {
    let mut certifier = Certifier { issuer_id, signer, ledger, now };
    let (key, public_key) = (certifier.key(), certifier.signer.public_key().clone());
    let chain = certifier.ledger.chain(key)?;
    if chain != KeyChain::Own {
        return chain_of(&chain, options);
    }
    let mut earlier = Vec::new();
    for former in former {
        // The parent of a former key has vouched for it, and the present key need not.
        let certificate =
            name_certificate(certifier.ledger, &[*former])?.filter(CaCertificate::is_self_issued);
        earlier.extend(certificate.map(|certificate| (*former, certificate)));
    }
    let chosen = options.filter(|options| options.names_fields());
    let chosen = chosen.map(|options| AuthorityProfile::new(issuer_id, options)).transpose()?;
    let lifetime = options.and_then(|options| options.lifetime);

    let own = match certifier.find(key, key)? {
        Some(record) => {
            let made = AuthorityProfile::like(&CaCertificate::parse(&record.certificate)?);
            let issued_at = record.validity.not_before().get().saturating_add(BACKDATE);
            let end = lifetime.map(|lifetime| issued_at.saturating_add(lifetime));
            let same_end = end.is_none_or(|end| end == record.validity.not_after().get());
            if chosen.is_some_and(|chosen| chosen != made) || !same_end {
                return Err(ProfileError::CaCertificateExists(record.serial).into());
            }
            Issued::again(record)
        }
        None => {
            let like = match earlier.last() {
                // The name of the CA stays the same.
                Some((_, certificate)) => {
                    let like = AuthorityProfile::like(certificate);
                    if chosen.is_some_and(|chosen| chosen != like) {
                        return Err(ProfileError::CaCertificateExists(certificate.serial()).into());
                    }
                    like
                }
                None => match chosen {
                    Some(chosen) => chosen,
                    None => AuthorityProfile::new(issuer_id, &CaCertificateOptions::default())?,
                },
            };
            let validity = profile::validity(lifetime.unwrap_or(LIFETIME), now)?;
            certifier.issue(like, &public_key, validity)?
        }
    };

    let mut cross = Vec::new();
    for (former, earlier) in earlier {
        let end = earlier.validity().not_after();
        cross.extend(certifier.find(former, key)?.map(Issued::again));
        match certifier.find(key, former)? {
            Some(found) => cross.push(Issued::again(found)),
            None if end <= now => {}
            None => {
                let certificate = CaCertificate::parse(&own.certificate)?;
                let former = rsa::PublicKey::from_spki_der(earlier.public_key());
                let former = former
                    .map_err(|_| der::Error::from(der::ErrorKind::Failed))
                    .map_err(ProfileError::from)?;
                let profile = AuthorityProfile::cross(certificate.clone(), certifier.ledger.publication()?)
                    .naming_the_key_as(&earlier);
                cross.push(certifier.cross(&certificate, profile, &former, end)?);
            }
        }
    }
    Ok(CaCertificates { own, issuers: Vec::new(), cross })
}

/// The certificates of a key that another CA certifies.
fn chain_of(chain: &KeyChain, options: Option<&CaCertificateOptions>) -> Result<CaCertificates, IssueError> {
    let KeyChain::Installed(bytes) = chain else { return Err(ProfileError::ChainAwaited.into()) };
    if options.is_some_and(|options| options.names_fields() || options.lifetime.is_some()) {
        return Err(ProfileError::ChainInstalled.into());
    }
    let chain = CaChain::from_bytes(bytes)?;
    let own = chain.own()?;
    let own = Issued { serial: own.serial(), certificate: own.der().to_vec(), repeated: true };
    Ok(CaCertificates { own, issuers: chain.issuers().to_vec(), cross: Vec::new() })
}

/// The certificate of the CA's next key by the present one, which `signer` has. It is made once, before the change of the
/// key. `None` without a certificate of the present key: then nobody can trust that key.
///
/// # Errors
/// [`IssueError`]. Nothing was recorded.
pub fn certify_next_key(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    ledger: &mut dyn Recorder,
    next: &rsa::PublicKey,
    now: UnixTime,
) -> Result<Option<Issued>, IssueError> {
    let mut certifier = Certifier { issuer_id, signer, ledger, now };
    let key = certifier.key();
    let Some(own) = name_certificate(certifier.ledger, &[key])?.filter(CaCertificate::is_self_issued) else {
        // The parent of an intermediate certifies the next key too.
        if certifier.ledger.chain(key)? != KeyChain::Own {
            certifier.ledger.set_chain(next.fingerprint(Portable::new()), None)?;
        }
        return Ok(None);
    };
    if let Some(made) = certifier.find(key, next.fingerprint(Portable::new()))? {
        return Ok(Some(Issued::again(made)));
    }
    let end = own.validity().not_after();
    if end <= now {
        return Ok(None);
    }
    let profile = AuthorityProfile::cross(own.clone(), certifier.ledger.publication()?);
    certifier.cross(&own, profile, next, end).map(Some)
}
