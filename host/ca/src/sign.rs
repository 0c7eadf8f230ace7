//! Certificates for TLS servers and clients by certification requests.

use std::collections::HashMap;

use miette::Diagnostic;
use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, RevocationReason, Serial, Validity};

use super::certify::{IssueError, Issued, certify};
use super::policy::{self, Authorization, Refused};
use super::ports::{AnsweredRequest, CertificateRecord, LedgerError, Recorder, RequestHash};
use super::profile::{
    self, AllowedName, CaCertificate, CaIdentity, CertTemplate, EndEntityProfile, Profile, ProfileError,
    SubjectName, TlsUsage, X509Profile,
};
use super::{Csr, Possession, PublicUrl, Publication, Signer};

/// The number of times that a batch is decided. Another process can answer one of its requests meanwhile.
const TRIES: usize = 3;

/// A request for a certificate of a TLS server or client. The holder has proven its key, and somebody has allowed its names.
#[derive(Clone, Debug)]
pub struct SignRequest {
    csr: Csr,
    usage: TlsUsage,
    subject_id: IdBuf,
    lifetime: u64,
    possession: Possession,
    authorization: Authorization,
}

/// The reason why a request gets no certificate.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SignRefused {
    /// The request has names that are not allowed.
    #[error("the request asks for names that are not allowed: {}", listed(.0))]
    #[diagnostic(help("if its holder may have them, repeat the command with: {}", allowing(.0)))]
    Names(Vec<SubjectName>),
    /// A server without a name.
    #[error("a certificate of a TLS server needs a DNS name or an IP address, and the request has neither")]
    #[diagnostic(help("make the request again with its names in subjectAltName"))]
    NoName,
    /// The request has no name that can be a subject.
    #[error("the name of the holder is not known{}", .0.as_ref().map(named).unwrap_or_default())]
    #[diagnostic(help("give the name that the certificate shall have: --subject NAME"))]
    NoSubject(Option<String>),
    /// The certificate of the same request is on hold.
    #[error("certificate {0} of this request is on hold")]
    #[diagnostic(help("end the hold: minipki ca unhold --serial {0}, or revoke the certificate for good"))]
    OnHold(Serial),
    /// The subject is the name of the CA.
    #[error("{0} is the name of the CA itself")]
    #[diagnostic(help("give another name: --subject NAME"))]
    IssuerName(IdBuf),
    /// The certificate would end after that of the CA.
    #[error("the certificate would end after the CA certificate, which ends at {0}")]
    #[diagnostic(help("ask for a shorter time: --validity TIME"))]
    OutlivesCa(UnixTime),
    /// The fields do not pass the check before the signature.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unfit(#[from] ProfileError),
    /// The row of an earlier answer is damaged.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Damaged(LedgerError),
    /// The CA refuses.
    #[error(transparent)]
    Refused(#[from] Refused),
}

fn listed(names: &[SubjectName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn allowing(names: &[SubjectName]) -> String {
    names.iter().map(|name| format!("--allow-name '{name}'")).collect::<Vec<_>>().join(" ")
}

fn named(common_name: &String) -> String {
    format!(", and the request says {common_name:?}, which nobody has allowed")
}

impl SignRequest {
    /// A request that an operator allows. `allowed` are the names that its certificate may have, and `subject_id` is the name
    /// of the holder; without it, the first DNS name or IP address of a server. The certificate ends `lifetime` seconds
    /// after its issue.
    ///
    /// # Errors
    /// [`SignRefused::Names`], [`SignRefused::NoName`] or [`SignRefused::NoSubject`].
    pub fn by_operator(
        csr: Csr,
        usage: TlsUsage,
        subject_id: Option<IdBuf>,
        allowed: &[AllowedName],
        lifetime: u64,
    ) -> Result<Self, SignRefused> {
        let is_allowed = |name: &SubjectName| allowed.iter().any(|allowed| allowed.allows(name));
        let refused: Vec<_> = csr.names().iter().filter(|name| !is_allowed(name)).cloned().collect();
        if !refused.is_empty() {
            return Err(SignRefused::Names(refused));
        }
        let hosts: Vec<_> = csr
            .names()
            .iter()
            .filter(|name| matches!(name, SubjectName::Dns(_) | SubjectName::Ip(_)))
            .map(ToString::to_string)
            .collect();
        if usage.is_server() && hosts.is_empty() {
            return Err(SignRefused::NoName);
        }
        let of_server = hosts.iter().filter(|_| usage.is_server()).find_map(|host| host.parse().ok());
        let subject_id = subject_id.or(of_server);
        let subject_id =
            subject_id.ok_or_else(|| SignRefused::NoSubject(csr.common_name().map(str::to_owned)))?;
        let (possession, authorization) = (Possession::CsrSignature, Authorization::Operator);
        Ok(Self { csr, usage, subject_id, lifetime, possession, authorization })
    }

    /// The name of the holder: the common name in the certificate.
    pub fn subject_id(&self) -> Id<'_> {
        self.subject_id.as_id()
    }

    /// The names in the certificate.
    pub fn names(&self) -> &[SubjectName] {
        self.csr.names()
    }

    /// The hash of everything that decides about the certificate. After a change of the CA's key or public URL, the same request
    /// gets another certificate.
    fn hash(&self, signer: &dyn Signer, publication: &Publication) -> RequestHash {
        let key = signer.public_key().fingerprint(Portable::new());
        let request = Portable::new().sha256(&[self.csr.der()]);
        let lifetime = self.lifetime.to_be_bytes();
        let subject = self.subject_id.as_id();
        let parts = [
            b"CSR",
            &key.0[..],
            &request,
            self.usage.name().as_bytes(),
            subject.as_str().as_bytes(),
            &lifetime,
            publication.url.as_ref().map_or("", PublicUrl::as_str).as_bytes(),
        ];
        RequestHash::of(&parts)
    }
}

/// The CA that signs requests.
pub(super) struct RequestSigner<'a> {
    pub(super) issuer_id: Id<'a>,
    pub(super) signer: &'a mut dyn Signer,
    pub(super) ledger: &'a mut dyn Recorder,
    /// The certificate of the signer's key.
    pub(super) certificate: &'a CaCertificate,
}

/// A certificate to sign.
struct Draft<'r> {
    request: &'r SignRequest,
    profile: X509Profile,
    /// The first second of the validity of the CA certificate.
    begin: UnixTime,
    answers: AnsweredRequest,
}

/// The answer to a request without an earlier one in its batch.
enum Found<'r> {
    /// The certificate of an earlier request.
    Recorded(Box<CertificateRecord>),
    /// There is none.
    New(Box<Draft<'r>>),
}

/// The decision on a request.
enum Decision {
    /// The certificate of an earlier request.
    Recorded(Box<CertificateRecord>),
    /// The draft with this index. The second value says whether an earlier request of the batch has it too.
    Signed(usize, bool),
}

impl RequestSigner<'_> {
    /// Decides on `requests`, and signs and records the certificates together. The answers are in the order of the requests.
    ///
    /// # Errors
    /// [`IssueError`] if no new certificate was recorded.
    pub(super) fn sign(
        &mut self,
        requests: &[SignRequest],
        now: UnixTime,
    ) -> Result<Vec<Result<Issued, SignRefused>>, IssueError> {
        let mut tries = 1;
        loop {
            match self.try_sign(requests, now) {
                Err(IssueError::Ledger(LedgerError::AnsweredMeanwhile(_))) if tries < TRIES => tries += 1,
                result => return result,
            }
        }
    }

    fn try_sign(
        &mut self,
        requests: &[SignRequest],
        now: UnixTime,
    ) -> Result<Vec<Result<Issued, SignRefused>>, IssueError> {
        let (mut drafts, mut indexes) = (Vec::new(), HashMap::new());
        let mut decisions = Vec::new();
        let publication = self.ledger.publication()?;
        for request in requests {
            let hash = request.hash(self.signer, &publication);
            let decision = match indexes.get(&hash) {
                Some(index) => Ok(Decision::Signed(*index, true)),
                None => match self.decide(request, hash, &publication, now)? {
                    Ok(Found::Recorded(recorded)) => Ok(Decision::Recorded(recorded)),
                    Ok(Found::New(draft)) => {
                        indexes.insert(hash, drafts.len());
                        drafts.push(*draft);
                        Ok(Decision::Signed(drafts.len() - 1, false))
                    }
                    Err(refused) => Err(refused),
                },
            };
            decisions.push(decision);
        }
        let templates = drafts.iter().map(|draft| draft.template(now)).collect::<Result<Vec<_>, _>>()?;
        let issued = match &templates[..] {
            [] => Vec::new(),
            some => certify(self.issuer_id, self.signer, self.ledger, some, now)?,
        };
        let answer = |decision| match decision {
            Decision::Recorded(record) => Ok(Issued::again(*record)),
            Decision::Signed(index, repeated) => {
                let issued: &Issued = issued.get(index).ok_or(Refused::Internal)?;
                Ok(Issued { repeated, ..issued.clone() })
            }
        };
        Ok(decisions.into_iter().map(|decision| decision.and_then(answer)).collect())
    }

    /// The recorded answer, or the draft of a new certificate. The inner error refuses this request alone.
    fn decide<'r>(
        &mut self,
        request: &'r SignRequest,
        hash: RequestHash,
        publication: &Publication,
        now: UnixTime,
    ) -> Result<Result<Found<'r>, SignRefused>, IssueError> {
        let facts = match self.ledger.request_facts(hash, request.csr.public_key()) {
            Err(error @ LedgerError::Damaged(_)) => return Ok(Err(SignRefused::Damaged(error))),
            facts => facts?,
        };
        if let Err(refused) = policy::authorize_request(request.possession, request.authorization) {
            return Ok(Err(refused.into()));
        }
        if facts.key_compromised {
            return Ok(Err(Refused::KeyCompromised.into()));
        }
        let is_hold = |revocation: Revocation| revocation.reason == RevocationReason::CertificateHold;
        if let Some(held) = facts.earlier.as_ref().filter(|record| record.revocation.is_some_and(is_hold)) {
            return Ok(Err(SignRefused::OnHold(held.serial)));
        }
        let earlier = facts.earlier.as_ref().map(|record| record.serial);
        if let Some(record) = facts.earlier.filter(|record| policy::answers_again(record, now)) {
            return Ok(Ok(Found::Recorded(Box::new(record))));
        }
        if request.subject_id.as_id() == self.issuer_id {
            return Ok(Err(SignRefused::IssuerName(request.subject_id.clone())));
        }
        let profile = EndEntityProfile {
            issuer: self.certificate.clone(),
            usage: request.usage,
            names: request.names().to_vec(),
            publication: publication.clone(),
        };
        let profile = X509Profile::EndEntity(profile);
        let begin = self.certificate.validity().not_before();
        let draft = Draft { request, profile, begin, answers: AnsweredRequest { hash, earlier } };
        Ok(self.check(&draft, now).map(|()| Found::New(Box::new(draft))))
    }

    /// Checks the certificate before a serial number is reserved, so that a request cannot fail the others of its batch.
    fn check(&self, draft: &Draft<'_>, now: UnixTime) -> Result<(), SignRefused> {
        let template = draft.template(now)?;
        let end = self.certificate.validity().not_after();
        if template.validity.not_after() > end {
            return Err(SignRefused::OutlivesCa(end));
        }
        let ca = CaIdentity { issuer_id: self.issuer_id, issuer_key: self.signer.public_key() };
        let stand_in = Serial::from_be_bytes(&[0x40; 16]).map_err(|_| Refused::Internal)?;
        X509Profile::encode_tbs(&ca, &template, stand_in)?;
        Ok(())
    }
}

impl Draft<'_> {
    fn template(&self, now: UnixTime) -> Result<CertTemplate<'_, X509Profile>, ProfileError> {
        let validity = profile::validity(self.request.lifetime, now)?;
        // A parent may have made the CA certificate a moment ago.
        let begin = validity.not_before().max(self.begin);
        let validity = Validity::new(begin, validity.not_after()).map_err(|_| ProfileError::Validity)?;
        Ok(CertTemplate {
            profile: &self.profile,
            subject_id: self.request.subject_id(),
            subject_key: self.request.csr.public_key(),
            validity,
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request: Some(self.answers),
        })
    }
}

/// Signs `requests` with the key of `certificate`, the certificate of the CA, and records the certificates together. The
/// answers are in the order of the requests. A request that was answered within a day gets its certificate again.
///
/// A CA that is being served signs with [`Authority::sign_many`](super::Authority::sign_many). This function is for a
/// process beside it.
///
/// # Errors
/// [`IssueError`] if no new certificate was recorded.
pub fn sign_requests(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    ledger: &mut dyn Recorder,
    certificate: &CaCertificate,
    requests: &[SignRequest],
    now: UnixTime,
) -> Result<Vec<Result<Issued, SignRefused>>, IssueError> {
    RequestSigner { issuer_id, signer, ledger, certificate }.sign(requests, now)
}
