//! The states of the CA's server, and the steps between them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::{Issuer, Metrics, Summary};
use minipki_ca::Policy;
use minipki_os::Failure;

/// The time between two samples of the metrics, and the number of samples that are kept.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
const SAMPLES: usize = 10;

/// The state of the CA's server.
#[derive(Clone)]
pub enum Serving {
    /// The server does not run. The summary is of its last run, if there was one.
    Stopped(Option<Summary>),
    /// The CA's key is being changed since this time.
    ChangingKey(Instant),
    /// The server opens its ledger.
    Starting,
    /// The server runs.
    Running(Running),
    /// The server finishes its open connections.
    Stopping,
    /// The server could not start, or has failed.
    Failed(Failure),
}

impl Serving {
    /// Whether the server does not run, so that a start or a change of the key can begin.
    const fn is_idle(&self) -> bool {
        matches!(self, Self::Stopped(_) | Self::Failed(_))
    }

    /// The next state when a server stops; `None` if it does not run.
    fn stopping(&self) -> Option<Self> {
        match self {
            Self::Running(_) => Some(Self::Stopping),
            Self::Stopped(_) | Self::ChangingKey(_) | Self::Starting | Self::Stopping | Self::Failed(_) => {
                None
            }
        }
    }
}

/// A running server.
#[derive(Clone)]
pub struct Running {
    /// The address.
    pub address: SocketAddr,
    /// The policy.
    pub policy: Policy,
    /// The time of its start.
    pub since: Instant,
    metrics: Arc<Metrics>,
    issuer: Option<Arc<Issuer>>,
    /// Notified once.
    stop: Arc<Notify>,
    samples: Arc<Mutex<VecDeque<(Instant, Summary)>>>,
}

impl Running {
    pub(super) fn new(address: SocketAddr, policy: Policy, metrics: Arc<Metrics>) -> Self {
        let (since, stop, samples) = (Instant::now(), Arc::default(), Arc::default());
        Self { address, policy, since, metrics, issuer: None, stop, samples }
    }

    /// This server with its issuer, for other fronts.
    #[must_use]
    pub(super) fn with_issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = Some(Arc::new(issuer));
        self
    }

    pub(super) fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_deref()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Waits until a stop is requested.
    pub(super) async fn stop_requested(&self) {
        self.stop.notified().await;
    }

    /// The summary so far.
    pub fn summary(&self) -> Summary {
        self.metrics.summary()
    }

    /// The certificates and the refusals per second, over the last ten seconds.
    pub fn rates(&self) -> (f64, f64) {
        let Some((then, before)) = lock(&self.samples).front().copied() else { return (0.0, 0.0) };
        let (span, now) = (then.elapsed().as_secs_f64().max(f64::MIN_POSITIVE), self.summary());
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / span;
        (rate(now.granted, before.granted), rate(now.refused, before.refused))
    }

    /// Takes a sample of the metrics. The caller calls it once in each [`SAMPLE_INTERVAL`].
    pub(super) fn sample(&self) {
        let mut samples = lock(&self.samples);
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back((Instant::now(), self.summary()));
    }
}

/// The present state of the CA's server. Each step reads and changes it atomically.
pub(super) struct ServingState(watch::Sender<Serving>);

impl Default for ServingState {
    fn default() -> Self {
        Self(watch::Sender::new(Serving::Stopped(None)))
    }
}

impl ServingState {
    pub(super) fn get(&self) -> Serving {
        self.0.borrow().clone()
    }

    pub(super) fn set(&self, serving: Serving) {
        self.0.send_replace(serving);
    }

    /// Changes the state to `next`. Returns `false` if the server runs, or the key is being changed.
    pub(super) fn begin(&self, next: Serving) -> bool {
        self.step(|serving| serving.is_idle().then_some(next)).is_some()
    }

    /// Requests a running server to stop. Returns `false` if it does not run.
    pub(super) fn request_stop(&self) -> bool {
        let Some(Serving::Running(running)) = self.step(Serving::stopping) else { return false };
        running.stop.notify_one();
        true
    }

    /// Requests a running server to stop, and waits for its end. Returns `false` if it does not run.
    pub(super) async fn stop(&self) -> bool {
        if !self.request_stop() {
            return false;
        }
        let mut serving = self.0.subscribe();
        let _ = serving.wait_for(|serving| !matches!(serving, Serving::Stopping)).await;
        true
    }

    /// Waits until the server fails. Returns the reason.
    pub(super) async fn failed(&self) -> Failure {
        let mut serving = self.0.subscribe();
        match serving.wait_for(|serving| matches!(serving, Serving::Failed(_))).await.as_deref() {
            Ok(Serving::Failed(reason)) => reason.clone(),
            _ => std::future::pending().await,
        }
    }

    /// Changes the state to the result of `next`, and returns the state before. `None` changes nothing.
    fn step(&self, next: impl FnOnce(&Serving) -> Option<Serving>) -> Option<Serving> {
        let mut before = None;
        self.0.send_if_modified(|serving| {
            before = next(serving).map(|next| std::mem::replace(serving, next));
            before.is_some()
        });
        before
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn a_server_that_fails_while_it_is_stopped_is_not_stopping_for_ever() {
        let state = ServingState::default();
        let running = Running::new(([127, 0, 0, 1], 1).into(), Policy::default(), Arc::default());
        state.set(Serving::Running(running));
        let (failed, has_failed) = channel();
        thread::scope(|scope| {
            let stopped = state.step(|serving| {
                // The server fails between the read of its state and the change.
                scope.spawn(|| {
                    state.set(Serving::Failed(Failure { seen: "the disk is full".to_owned(), next: None }));
                    let _ = failed.send(());
                });
                // `set` waits for the change, so this times out.
                let _ = has_failed.recv_timeout(Duration::from_millis(500));
                serving.stopping()
            });
            assert!(matches!(stopped, Some(Serving::Running(_))));
        });
        assert!(matches!(state.get(), Serving::Failed(_)), "the failure is gone");
    }
}
