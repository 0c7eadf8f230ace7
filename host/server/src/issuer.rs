//! The issuer: one thread that owns the authority, the queue of jobs before it, and the handle to both.
//!
//! Signing and durable commits take their time, so they are kept off the async threads. The jobs that arrive
//! meanwhile are issued together next: under load the cost of a commit is shared, and an idle issuer makes nobody wait.

use std::io;
use std::time::Duration;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use minipki_ca::{Authority, CertificationRequest, Issued, Refused};
use minipki_os::clock;

/// Why an issuer ended before it was closed. The log has the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Nothing can be issued without what failed, so the server stops rather than refuse for ever.
    #[error("the signer or the ledger failed, as the log says in detail; mend it and start the server again")]
    Failed,
    /// A bug.
    #[error("the issuing thread panicked; this is a bug in minipki, please report it with the log")]
    Panicked,
    /// The thread did not end; most likely the disk does not answer.
    #[error("the issuing thread is stuck; look at the disk that the CA folder is on")]
    Stuck,
}

/// Bounds on the jobs of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerLimits {
    /// Jobs that may wait. One more is refused as busy.
    pub waiting: usize,
    /// Certificates that are signed and committed together at most.
    pub batch: usize,
    /// How long a job may take before it is refused as busy.
    pub timeout: Duration,
}

enum Job {
    /// A certificate.
    Issue { request: CertificationRequest, reply: oneshot::Sender<Result<Issued, Refused>> },
    /// The end.
    Close,
}

/// The handle to an issuer. Each front has a clone of it: no front signs or opens the ledger by itself.
#[derive(Clone)]
pub struct Issuer {
    jobs: mpsc::Sender<Job>,
    ended: watch::Receiver<Option<Result<(), IssuerError>>>,
    timeout: Duration,
    issuer_id: IdBuf,
    fingerprint: Fingerprint,
}

impl Issuer {
    /// Starts the thread of an issuer over `authority`. The thread ends after [`Issuer::close`], or with the last handle,
    /// when the jobs that wait are done.
    ///
    /// # Errors
    /// The operating system's, if it gives no thread.
    pub fn start(authority: Authority, limits: IssuerLimits) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(limits.waiting.max(1));
        let (end, ended) = watch::channel(None);
        let batch = limits.batch.clamp(1, authority.policy().max_waiting.max(1));
        let issuer_id = authority.issuer_id().into();
        let fingerprint = authority.public_key().fingerprint(Portable::new());
        std::thread::Builder::new().name("issuer".into()).spawn(move || {
            // A panic drops `end`.
            let result = work(authority, queue, batch);
            end.send_replace(Some(result));
        })?;
        Ok(Self { jobs, ended, timeout: limits.timeout, issuer_id, fingerprint })
    }

    /// The CA's name, as its certificates carry it.
    pub fn issuer_id(&self) -> Id<'_> {
        self.issuer_id.as_id()
    }

    /// The fingerprint of the key that its certificates verify under.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The certificate, once it is on the disk.
    ///
    /// # Errors
    /// The authority's [`Refused`]; [`Refused::Busy`] if too many jobs wait or the answer takes too long;
    /// [`Refused::Internal`] if the issuer has ended.
    pub async fn issue(&self, request: CertificationRequest) -> Result<Issued, Refused> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job::Issue { request, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => Refused::Internal,
        })?;
        match timeout(self.timeout, answer).await {
            Err(_) => Err(Refused::Busy),
            // An issuer that fails drops its jobs.
            Ok(answer) => answer.unwrap_or(Err(Refused::Internal)),
        }
    }

    /// Takes no more jobs, and waits until those that wait are done; at most `limit`.
    ///
    /// # Errors
    /// [`IssuerError`], [`IssuerError::Stuck`] after `limit`.
    pub async fn close(&self, limit: Duration) -> Result<(), IssuerError> {
        let close = async {
            // A thread that has ended takes nothing.
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

fn work(mut authority: Authority, mut queue: mpsc::Receiver<Job>, batch: usize) -> Result<(), IssuerError> {
    let mut jobs = Vec::with_capacity(batch);
    let mut clock_is_wrong = false;
    while queue.blocking_recv_many(&mut jobs, batch) > 0 {
        let now = clock::now();
        match &now {
            Err(error) if !clock_is_wrong => tracing::error!(%error, "nothing can be issued for now"),
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

/// Does one batch: checks the proofs, then issues all certificates together.
fn serve(
    authority: &mut Authority,
    jobs: impl Iterator<Item = Job>,
    now: UnixTime,
) -> Result<(), IssuerError> {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    let mut failed = false;
    for job in jobs {
        match job {
            Job::Close => {}
            // A client that has gone away needs no certificate.
            Job::Issue { reply, .. } if reply.is_closed() => {}
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
        tracing::debug!(requests = requests.len(), "a batch");
        authority.issue_many(&requests, now)
    };
    for (answer, reply) in answers.into_iter().zip(replies) {
        failed |= matches!(answer, Err(Refused::Internal));
        // It is recorded, whether or not its subject is still there: the same request gets it again.
        let _ = reply.send(answer);
    }
    if failed { Err(IssuerError::Failed) } else { Ok(()) }
}

/// Refuses one batch.
fn refuse(jobs: impl Iterator<Item = Job>) {
    for job in jobs {
        // If nobody waits for an answer any more, nobody needs one.
        match job {
            Job::Issue { reply, .. } => drop(reply.send(Err(Refused::Busy))),
            Job::Close => {}
        }
    }
}
