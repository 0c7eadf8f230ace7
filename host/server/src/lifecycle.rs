//! The states of the CA's server, and the steps between them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::{Metrics, Summary};
use minipki_ca::Policy;

/// How often the metrics are looked at for the rate, and how many looks are kept.
pub(super) const LOOK: Duration = Duration::from_secs(1);
const LOOKS: usize = 10;

/// The CA's server.
#[derive(Clone)]
pub enum Serving {
    /// It does not run; with the summary of its last run, if there was one.
    Stopped(Option<Summary>),
    /// It opens the ledger.
    Starting,
    /// It runs.
    Running(Running),
    /// It finishes what is under way.
    Stopping,
    /// It could not start, or stopped by itself.
    Failed(String),
}

impl Serving {
    /// The state when a server starts; `None` if it runs.
    fn starting(&self) -> Option<Self> {
        match self {
            Self::Stopped(_) | Self::Failed(_) => Some(Self::Starting),
            Self::Starting | Self::Running(_) | Self::Stopping => None,
        }
    }

    /// The state when a server is told to stop; `None` if it does not run.
    fn stopping(&self) -> Option<Self> {
        match self {
            Self::Running(_) => Some(Self::Stopping),
            Self::Stopped(_) | Self::Starting | Self::Stopping | Self::Failed(_) => None,
        }
    }
}

/// A server that runs.
#[derive(Clone)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it allows.
    pub policy: Policy,
    /// When it began to run.
    pub since: Instant,
    metrics: Arc<Metrics>,
    /// Told once.
    stop: Arc<Notify>,
    looks: Arc<Mutex<VecDeque<(Instant, Summary)>>>,
}

impl Running {
    /// A server that has begun to run now.
    pub(super) fn new(address: SocketAddr, policy: Policy, metrics: Arc<Metrics>) -> Self {
        Self { address, policy, since: Instant::now(), metrics, stop: Arc::default(), looks: Arc::default() }
    }

    /// Waits until it is told to stop.
    pub(super) async fn told_to_stop(&self) {
        self.stop.notified().await;
    }

    /// What it has done so far.
    pub fn summary(&self) -> Summary {
        self.metrics.summary()
    }

    /// Granted and refused a second, over the last ten seconds.
    pub fn rates(&self) -> (f64, f64) {
        let Some((then, before)) = lock(&self.looks).front().copied() else { return (0.0, 0.0) };
        let (span, now) = (then.elapsed().as_secs_f64().max(f64::MIN_POSITIVE), self.summary());
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / span;
        (rate(now.granted, before.granted), rate(now.refused, before.refused))
    }

    /// Notes what it has done so far. To be called once in [`LOOK`].
    pub(super) fn look(&self) {
        let mut looks = lock(&self.looks);
        if looks.len() == LOOKS {
            looks.pop_front();
        }
        looks.push_back((Instant::now(), self.summary()));
    }
}

/// The state of the CA's server now. Each step is one change: nothing comes between the look and the change.
pub(super) struct ServingState(watch::Sender<Serving>);

impl Default for ServingState {
    fn default() -> Self {
        Self(watch::Sender::new(Serving::Stopped(None)))
    }
}

impl ServingState {
    /// The state.
    pub(super) fn get(&self) -> Serving {
        self.0.borrow().clone()
    }

    /// Sets the state to `serving`, whatever it was.
    pub(super) fn set(&self, serving: Serving) {
        self.0.send_replace(serving);
    }

    /// From a server that does not run to [`Serving::Starting`]. `false` if it runs.
    pub(super) fn begin(&self) -> bool {
        self.step(Serving::starting).is_some()
    }

    /// Tells a server that runs to stop. `false` if it does not run.
    pub(super) fn ask_to_stop(&self) -> bool {
        let Some(Serving::Running(running)) = self.step(Serving::stopping) else { return false };
        running.stop.notify_one();
        true
    }

    /// Tells a server that runs to stop, and waits until it has, or has failed. `false` if it does not run.
    pub(super) async fn stop(&self) -> bool {
        if !self.ask_to_stop() {
            return false;
        }
        let mut serving = self.0.subscribe();
        let _ = serving.wait_for(|serving| !matches!(serving, Serving::Stopping)).await;
        true
    }

    /// Waits until the server has failed, and gives the reason; for ever if it never does.
    pub(super) async fn failed(&self) -> String {
        let mut serving = self.0.subscribe();
        match serving.wait_for(|serving| matches!(serving, Serving::Failed(_))).await.as_deref() {
            Ok(Serving::Failed(reason)) => reason.clone(),
            _ => std::future::pending().await,
        }
    }

    /// Changes the state to what `next` makes of it, and gives the state before. If `next` makes none, nothing changes.
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
                // The server fails after the look at its state, and before the change.
                scope.spawn(|| {
                    state.set(Serving::Failed("the disk is full".to_owned()));
                    let _ = failed.send(());
                });
                // It would be quick, if it need not wait for the change.
                let _ = has_failed.recv_timeout(Duration::from_millis(500));
                serving.stopping()
            });
            assert!(matches!(stopped, Some(Serving::Running(_))));
        });
        assert!(matches!(state.get(), Serving::Failed(_)), "the failure is gone");
    }
}
