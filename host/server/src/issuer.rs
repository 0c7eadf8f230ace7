//! The issuer: one thread that owns the authority, its queue of jobs, and the handle to both.
//!
//! Signatures and durable commits block, so they run off the async threads. All jobs that wait are one batch. So jobs
//! share a commit under load, and a job at an idle issuer starts at once.

use std::io;
use std::time::Duration;

use miette::Diagnostic;
use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::field::display;

use minipki_ca::ports::RevocationOutcome;
use minipki_ca::{
    Authority, CertificationRequest, Issued, ListDraft, OcspAnswer, OcspQuery, Refused, RevocationRequest,
    SignRefused, SignRequest, SignedList, StatusAnswer, StatusRequest, Twin, TwinRequest,
};
use minipki_os::clock;

/// The reason why an issuer ended before it was closed. The log has the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum IssuerError {
    /// The signer or the ledger failed. The server stops: it could only refuse requests.
    #[error("the signer or the ledger failed. The log has the reason")]
    #[diagnostic(help("remove the reason, then start the server again"))]
    Failed,
    /// The issuing thread panicked: a bug.
    #[error("the issuing thread panicked")]
    #[diagnostic(help("this is a bug in minipki, please report it with the log"))]
    Panicked,
    /// The thread did not end. Most likely the disk does not respond.
    #[error("the issuing thread does not respond")]
    #[diagnostic(help("check the disk of the CA folder"))]
    Stuck,
}

/// The limits of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerLimits {
    /// The maximum number of jobs that wait. More are refused as busy.
    pub waiting: usize,
    /// The maximum number of certificates in a batch.
    pub batch: usize,
    /// The time after which a job is refused as busy.
    pub timeout: Duration,
}

/// The way back to the client that has asked.
type Reply<T, E = Refused> = oneshot::Sender<Result<T, E>>;

enum Job {
    /// Issues or renews a certificate.
    Issue { request: CertificationRequest, reply: Reply<Issued> },
    /// Issues an X.509 certificate by a certification request.
    Sign { request: Box<SignRequest>, reply: Reply<Issued, SignRefused> },
    /// Revokes a certificate for its holder.
    Revoke { request: RevocationRequest, reply: Reply<RevocationOutcome> },
    /// States the status of a certificate.
    Status { request: StatusRequest, reply: Reply<StatusAnswer> },
    /// Signs a list of revoked certificates.
    List { list: Box<ListDraft>, reply: Reply<SignedList> },
    /// Returns the X.509 twin of a certificate.
    Twin { request: TwinRequest, reply: Reply<Twin> },
    /// Answers an OCSP request.
    Ocsp { query: OcspQuery, reply: Reply<OcspAnswer> },
    /// Ends the issuer.
    Close,
}

/// The handle to an issuer. Each front has a clone. No front signs or writes to the ledger.
#[derive(Clone)]
pub struct Issuer {
    jobs: mpsc::Sender<Job>,
    ended: watch::Receiver<Option<Result<(), IssuerError>>>,
    timeout: Duration,
    issuer_id: IdBuf,
    fingerprint: Fingerprint,
}

impl Issuer {
    /// Starts the thread of an issuer with `authority`. After [`Issuer::close`] or the drop of the last handle, the
    /// thread does the jobs that wait and ends.
    ///
    /// # Errors
    /// The error of the operating system if the thread cannot be started.
    pub fn start(authority: Authority, limits: IssuerLimits) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(limits.waiting.max(1));
        let (end, ended) = watch::channel(None);
        let batch = limits.batch.clamp(1, authority.policy().max_waiting.max(1));
        let issuer_id = authority.issuer_id().into();
        let fingerprint = authority.public_key().fingerprint(Portable::new());
        std::thread::Builder::new().name("issuer".into()).spawn(move || {
            // A panic drops `end`.
            let result = run(authority, queue, batch);
            end.send_replace(Some(result));
        })?;
        Ok(Self { jobs, ended, timeout: limits.timeout, issuer_id, fingerprint })
    }

    /// The issuer name in the certificates.
    pub fn issuer_id(&self) -> Id<'_> {
        self.issuer_id.as_id()
    }

    /// The fingerprint of the CA's key.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Issues or renews a certificate. It is on the disk when this returns.
    ///
    /// # Errors
    /// The [`Refused`] of the authority; [`Refused::Busy`] if too many jobs wait or at the timeout;
    /// [`Refused::Internal`] if the issuer has ended.
    pub async fn issue(&self, request: CertificationRequest) -> Result<Issued, Refused> {
        self.run(|reply| Job::Issue { request, reply }).await
    }

    /// Issues an X.509 certificate by a certification request. It is on the disk when this returns.
    ///
    /// # Errors
    /// The [`SignRefused`] of the authority; [`SignRefused::Refused`] with the errors of [`Issuer::issue`].
    pub async fn sign(&self, request: SignRequest) -> Result<Issued, SignRefused> {
        self.run(|reply| Job::Sign { request: Box::new(request), reply }).await
    }

    /// Revokes a certificate for its holder. The change is on the disk when this returns.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub async fn revoke(&self, request: RevocationRequest) -> Result<RevocationOutcome, Refused> {
        self.run(|reply| Job::Revoke { request, reply }).await
    }

    /// States the status of a certificate, signed.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub async fn status(&self, request: StatusRequest) -> Result<StatusAnswer, Refused> {
        self.run(|reply| Job::Status { request, reply }).await
    }

    /// Signs a list of revoked certificates, with the key that it names.
    ///
    /// # Errors
    /// As [`Issuer::issue`]; [`Refused::KeyGone`] without that key.
    pub async fn sign_list(&self, list: ListDraft) -> Result<SignedList, Refused> {
        self.run(|reply| Job::List { list: Box::new(list), reply }).await
    }

    /// Returns the X.509 twin of a certificate. It is on the disk when this returns.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub async fn twin(&self, request: TwinRequest) -> Result<Twin, Refused> {
        self.run(|reply| Job::Twin { request, reply }).await
    }

    /// Answers an OCSP request.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub async fn ocsp(&self, query: OcspQuery) -> Result<OcspAnswer, Refused> {
        self.run(|reply| Job::Ocsp { query, reply }).await
    }

    async fn run<T, E: From<Refused>>(&self, job: impl FnOnce(Reply<T, E>) -> Job) -> Result<T, E> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => Refused::Internal,
        })?;
        match timeout(self.timeout, answer).await {
            Err(_) => Err(Refused::Busy.into()),
            // An issuer that fails drops its jobs.
            Ok(answer) => answer.unwrap_or_else(|_| Err(Refused::Internal.into())),
        }
    }

    /// Ends the issuer, and waits until the jobs in its queue are done, for at most `limit`.
    ///
    /// # Errors
    /// [`IssuerError`], [`IssuerError::Stuck`] after `limit`.
    pub async fn close(&self, limit: Duration) -> Result<(), IssuerError> {
        let close = async {
            // This fails if the thread has ended.
            let _ = self.jobs.send(Job::Close).await;
            self.ended().await
        };
        timeout(limit, close).await.unwrap_or(Err(IssuerError::Stuck))
    }

    /// Waits until the issuer has ended.
    ///
    /// # Errors
    /// [`IssuerError`] if it ended before it was closed.
    pub async fn ended(&self) -> Result<(), IssuerError> {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => *result,
            _ => Err(IssuerError::Panicked),
        }
    }
}

fn run(mut authority: Authority, mut queue: mpsc::Receiver<Job>, batch: usize) -> Result<(), IssuerError> {
    let mut jobs = Vec::with_capacity(batch);
    let mut clock_is_wrong = false;
    while queue.blocking_recv_many(&mut jobs, batch) > 0 {
        let now = clock::now();
        match &now {
            Err(error) if !clock_is_wrong => {
                let next = error.help().map(display);
                tracing::error!(%error, next, "nothing can be issued for now");
            }
            Ok(_) if clock_is_wrong => tracing::warn!("the clock can be used again"),
            _ => {}
        }
        clock_is_wrong = now.is_err();
        if jobs.iter().any(|job| matches!(job, Job::Close)) {
            queue.close();
        }
        match now {
            Ok(now) => serve(&mut authority, jobs.drain(..), now)?,
            Err(_) => refuse(jobs.drain(..)),
        }
    }
    Ok(())
}

/// Handles one batch: checks the proofs, issues all certificates together, and signs all twins, all statuses and all answers
/// by OCSP together. These come last, so they know the revocations of the batch.
fn serve(
    authority: &mut Authority,
    jobs: impl Iterator<Item = Job>,
    now: UnixTime,
) -> Result<(), IssuerError> {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    let (mut to_sign, mut signed_for) = (Vec::new(), Vec::new());
    let (mut revocations, mut statuses, mut twins, mut ocsp) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut failed = false;
    for job in jobs {
        match job {
            Job::Close => {}
            // The client is gone.
            Job::Issue { reply, .. } if reply.is_closed() => {}
            Job::Sign { reply, .. } if reply.is_closed() => {}
            Job::Sign { request, reply } => {
                to_sign.push(*request);
                signed_for.push(reply);
            }
            // The holder wants the revocation, even if it does not wait for the answer.
            Job::Revoke { request, reply } => revocations.push((request, reply)),
            Job::Status { request, reply } => statuses.push((request, reply)),
            Job::List { reply, .. } if reply.is_closed() => {}
            Job::List { list, reply } => failed |= send(authority.sign_list(&list, now), reply),
            Job::Twin { request, reply } => twins.push((request, reply)),
            Job::Ocsp { query, reply } => ocsp.push((query, reply)),
            Job::Issue { request, reply } => match authority.check_possession(request, now) {
                Ok(request) => {
                    requests.push(request);
                    replies.push(reply);
                }
                Err(refused) => {
                    failed |= refused == Refused::Internal;
                    let _ = reply.send(Err(refused));
                }
            },
        }
    }
    let answers = if requests.is_empty() {
        Vec::new()
    } else {
        tracing::debug!(requests = requests.len(), "issuing a batch");
        authority.issue_many(&requests, now)
    };
    for (answer, reply) in answers.into_iter().zip(replies) {
        // If the client is gone, the same request gets the recorded certificate again.
        failed |= send(answer, reply);
    }
    if !to_sign.is_empty() {
        for (answer, reply) in authority.sign_many(&to_sign, now).into_iter().zip(signed_for) {
            failed |= matches!(answer, Err(SignRefused::Refused(Refused::Internal)));
            let _ = reply.send(answer);
        }
    }
    for (request, reply) in revocations {
        failed |= send(authority.revoke(&request, now), reply);
    }
    let (requests, replies): (Vec<_>, Vec<_>) =
        twins.into_iter().filter(|(_, reply)| !reply.is_closed()).unzip();
    if !requests.is_empty() {
        for (answer, reply) in authority.twins(&requests, now).into_iter().zip(replies) {
            failed |= send(answer, reply);
        }
    }
    let (requests, replies): (Vec<_>, Vec<_>) =
        statuses.into_iter().filter(|(_, reply)| !reply.is_closed()).unzip();
    if !requests.is_empty() {
        for (answer, reply) in authority.statuses(&requests, now).into_iter().zip(replies) {
            failed |= send(answer, reply);
        }
    }
    let (queries, replies): (Vec<_>, Vec<_>) =
        ocsp.into_iter().filter(|(_, reply)| !reply.is_closed()).unzip();
    if !queries.is_empty() {
        for (answer, reply) in authority.ocsp(&queries, now).into_iter().zip(replies) {
            failed |= send(answer, reply);
        }
    }
    if failed { Err(IssuerError::Failed) } else { Ok(()) }
}

/// Sends the answer. Returns whether the issuer has failed.
fn send<T>(answer: Result<T, Refused>, reply: Reply<T>) -> bool {
    let failed = matches!(answer, Err(Refused::Internal));
    // The client may be gone.
    let _ = reply.send(answer);
    failed
}

fn refuse(jobs: impl Iterator<Item = Job>) {
    for job in jobs {
        match job {
            Job::Issue { reply, .. } => drop(send(Err(Refused::Busy), reply)),
            Job::Sign { reply, .. } => drop(reply.send(Err(Refused::Busy.into()))),
            Job::Revoke { reply, .. } => drop(send(Err(Refused::Busy), reply)),
            Job::Status { reply, .. } => drop(send(Err(Refused::Busy), reply)),
            Job::List { reply, .. } => drop(send(Err(Refused::Busy), reply)),
            Job::Twin { reply, .. } => drop(send(Err(Refused::Busy), reply)),
            Job::Ocsp { reply, .. } => drop(send(Err(Refused::Busy), reply)),
            Job::Close => {}
        }
    }
}

#[cfg(test)]
impl Issuer {
    /// The handle to an issuer that has ended.
    pub(crate) fn ended_before() -> Self {
        let (jobs, ended) = (mpsc::channel(1).0, watch::channel(Some(Ok(()))).1);
        let (issuer_id, fingerprint) = ("ca".parse().expect("a name"), Fingerprint([0; 32]));
        Self { jobs, ended, timeout: Duration::ZERO, issuer_id, fingerprint }
    }
}
