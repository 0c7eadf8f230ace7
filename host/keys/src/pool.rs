//! The threads that sign beside the caller's thread.

use std::sync::{Mutex, PoisonError};
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::KeyError;
use minipki_ca::ports::{SignError, Signature};

/// The signatures of a share of the messages.
pub(super) type Signed = Result<Vec<Signature>, SignError>;

/// One thread for each core except the core of the caller. The threads stay from batch to batch.
pub(super) struct Pool {
    cores: usize,
    helpers: ThreadPool,
}

impl Pool {
    /// Starts the threads. It reads the number of cores once: that takes a tenth of a signature.
    pub(super) fn new() -> Result<Self, KeyError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let helpers = ThreadPoolBuilder::new()
            // To rayon, 0 means one thread for each core.
            .num_threads(cores.saturating_sub(1).max(1))
            .thread_name(|_| "signer".to_owned())
            .build()?;
        Ok(Self { cores, helpers })
    }

    /// The number of shares that are signed at the same time.
    pub(super) const fn cores(&self) -> usize {
        self.cores
    }

    /// Signs `shares` in parallel: this thread and each helper take the next share when they are free. The signatures
    /// are in the order of the shares.
    pub(super) fn sign<S: Send>(
        &self,
        shares: impl IntoIterator<Item = S>,
        sign: impl Fn(S) -> Signed + Sync,
    ) -> Signed {
        let shares: Vec<S> = shares.into_iter().collect();
        let helpers = shares.len().min(self.cores).saturating_sub(1);
        let mut signed: Vec<Signed> = shares.iter().map(|_| Ok(Vec::new())).collect();
        let queue = Mutex::new(shares.into_iter().zip(&mut signed));
        let work = || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((share, signed)) = next else { return };
                *signed = sign(share);
            }
        };
        self.helpers.in_place_scope(|scope| {
            (0..helpers).for_each(|_| scope.spawn(|_| work()));
            work();
        });
        let signed: Vec<_> = signed.into_iter().collect::<Result<_, _>>()?;
        Ok(signed.into_iter().flatten().collect())
    }
}
