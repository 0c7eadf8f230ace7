//! The CA behind the pages: its key, its server, and the readers of its ledger.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use minipki_core::cert::IdBuf;
use minipki_core::crypto::rsa::KeySize;
use tokio::sync::{oneshot, watch};

use crate::ca::Policy;
use crate::keys::{CaFolder, FolderError, SignerKind};
use crate::server::{Counts, Limits, ServeError, Server, ServerOptions, Summary};
use crate::state::{self, StateError, open_authority, owner};
use crate::store::{Accept, LedgerReader, StoreError, TokenBook};
use crate::trace::{Events, Tap};

/// How often the counts are looked at for the rate, and how many looks are kept.
const LOOK: Duration = Duration::from_secs(1);
const LOOKS: usize = 10;

/// Why the CA does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The CA has no key yet.
    #[error("this CA has no key yet; generate it first")]
    NoKey,
    /// The CA has a key already.
    #[error("this CA has a key already, or is making one; nothing is ever overwritten")]
    HasKey,
    /// The server runs already.
    #[error("the CA server runs already; stop it first")]
    Runs,
    /// The server does not run.
    #[error("the CA server does not run; start it first")]
    Stopped,
    /// A bug.
    #[error("a thread panicked; this is a bug in minipki, please report it with the log")]
    Panicked,
    /// The CA's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The CA's ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The CA's folder, ledger or clock.
    #[error(transparent)]
    State(#[from] StateError),
    /// The CA's server.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// How the CA's server is started.
#[derive(Clone)]
pub struct CaOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it allows.
    pub policy: Policy,
    /// What signs.
    pub signer: SignerKind,
    /// What it lets strangers have.
    pub limits: Limits,
    /// What is accepted of its ledger and clock.
    pub accept: Accept,
    /// Who watches each frame, beside the console.
    pub tap: Option<Arc<dyn Tap>>,
}

/// The CA's key.
#[derive(Clone)]
pub(super) enum Key {
    /// There is none.
    None,
    /// It is being made.
    Making { size: KeySize, since: Instant },
    /// It could not be made.
    Failed(String),
    /// It is there.
    Ready(Arc<CaFolder>),
}

/// The CA's server.
#[derive(Clone)]
pub(super) enum Serving {
    /// It does not run; how it fared when it last did.
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

/// A server that runs.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) policy: Policy,
    pub(super) since: Instant,
    counts: Arc<Counts>,
    stop: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    looks: Arc<Mutex<VecDeque<(Instant, Summary)>>>,
}

impl Running {
    /// What it has done so far.
    pub(super) fn summary(&self) -> Summary {
        self.counts.summary()
    }

    /// Granted and refused a second, over the last [`LOOKS`] seconds.
    pub(super) fn rates(&self) -> (f64, f64) {
        let Some((then, before)) = lock(&self.looks).front().copied() else { return (0.0, 0.0) };
        let (span, now) = (then.elapsed().as_secs_f64().max(f64::MIN_POSITIVE), self.summary());
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / span;
        (rate(now.granted, before.granted), rate(now.refused, before.refused))
    }

    fn look(&self) {
        let mut looks = lock(&self.looks);
        if looks.len() == LOOKS {
            looks.pop_front();
        }
        looks.push_back((Instant::now(), self.summary()));
    }
}

/// The CA, as the console holds it.
pub(super) struct Engine {
    dir: PathBuf,
    key: Mutex<Key>,
    serving: Arc<watch::Sender<Serving>>,
    events: Arc<Events>,
}

impl Engine {
    /// The CA in `dir`, or the one that will be made there.
    ///
    /// # Errors
    /// [`FolderError`] if there is something in `dir` that is no CA, or one that others can reach.
    pub(super) fn open(dir: &Path) -> Result<Self, FolderError> {
        let key = if state::can_create(dir) { Key::None } else { Key::Ready(Arc::new(CaFolder::open(dir)?)) };
        Ok(Self {
            dir: dir.to_owned(),
            key: Mutex::new(key),
            serving: Arc::new(watch::Sender::new(Serving::Stopped(None))),
            events: Arc::default(),
        })
    }

    /// Where it is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What happens at its server.
    pub(super) const fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Its key.
    pub(super) fn key(&self) -> Key {
        lock(&self.key).clone()
    }

    /// Its folder.
    ///
    /// # Errors
    /// [`EngineError::NoKey`].
    pub(super) fn folder(&self) -> Result<Arc<CaFolder>, EngineError> {
        match self.key() {
            Key::Ready(folder) => Ok(folder),
            _ => Err(EngineError::NoKey),
        }
    }

    /// Its server.
    pub(super) fn serving(&self) -> Serving {
        self.serving.borrow().clone()
    }

    /// Its server, if it runs.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub(super) fn running(&self) -> Result<Running, EngineError> {
        match self.serving() {
            Serving::Running(running) => Ok(running),
            _ => Err(EngineError::Stopped),
        }
    }

    /// Reads its ledger with `read`, off the async threads. It is opened anew each time: that takes SQLite less than a
    /// millisecond. Reading changes nothing: a ledger of an earlier version is refused, with what brings it up to date.
    ///
    /// # Errors
    /// [`EngineError::NoKey`], or the store's.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&mut LedgerReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let folder = self.folder()?;
        off_the_async_threads(move || {
            let mut reader = LedgerReader::open(folder.path(), &owner(&folder))?;
            Ok(read(&mut reader)?)
        })
        .await
    }

    /// Changes its tokens with `write`, off the async threads.
    ///
    /// # Errors
    /// [`EngineError::NoKey`], or the store's.
    pub(super) async fn write<T: Send + 'static>(
        self: Arc<Self>,
        write: impl FnOnce(&mut TokenBook) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        off_the_async_threads(move || Ok(write(&mut self.tokens()?)?)).await
    }

    /// Its tokens, for who is off the async threads or adds but one.
    ///
    /// # Errors
    /// [`EngineError::NoKey`], or the store's.
    pub(super) fn tokens(&self) -> Result<TokenBook, EngineError> {
        let folder = self.folder()?;
        Ok(TokenBook::open(folder.path(), &owner(&folder))?)
    }

    /// Begins to make its key, on a thread of its own.
    ///
    /// # Errors
    /// [`EngineError::HasKey`].
    pub(super) fn make_key(self: &Arc<Self>, issuer_id: IdBuf, size: KeySize) -> Result<(), EngineError> {
        {
            let mut key = lock(&self.key);
            if matches!(*key, Key::Making { .. } | Key::Ready(_)) {
                return Err(EngineError::HasKey);
            }
            *key = Key::Making { size, since: Instant::now() };
        }
        let engine = self.clone();
        tokio::task::spawn_blocking(move || {
            let made = state::create(&engine.dir, issuer_id, size);
            if let Err(error) = &made {
                tracing::error!(%error, "the key could not be made");
            }
            *lock(&engine.key) = made.map_or_else(
                |error| Key::Failed(error.to_string()),
                |made| Key::Ready(Arc::new(made.folder)),
            );
        });
        Ok(())
    }

    /// Starts its server; gives where it listens.
    ///
    /// # Errors
    /// [`EngineError`]: what is in the way.
    pub(super) async fn start(&self, options: CaOptions) -> Result<SocketAddr, EngineError> {
        let folder = self.folder()?;
        let mut idle = false;
        self.serving.send_if_modified(|serving| {
            idle = matches!(serving, Serving::Stopped(_) | Serving::Failed(_));
            if idle {
                *serving = Serving::Starting;
            }
            idle
        });
        if !idle {
            return Err(EngineError::Runs);
        }
        let started = self.bind(folder, options).await;
        if let Err(error) = &started {
            tracing::error!(%error, "the CA server did not start");
            self.serving.send_replace(Serving::Failed(error.to_string()));
        }
        started
    }

    async fn bind(&self, folder: Arc<CaFolder>, options: CaOptions) -> Result<SocketAddr, EngineError> {
        let CaOptions { listen, policy, signer, limits, accept, tap } = options;
        let open = move || Ok(open_authority(&folder, policy, signer, accept)?);
        let authority = off_the_async_threads(open).await?;
        let events = Some(self.events.clone());
        let options = ServerOptions { listen, limits, tap, events };
        let server = Server::bind(authority, options).await?;
        let (address, counts) = (server.local_addr(), server.counts());
        let (stop, stopped) = oneshot::channel();
        let running = Running {
            address,
            policy,
            since: Instant::now(),
            counts,
            stop: Arc::new(Mutex::new(Some(stop))),
            looks: Arc::default(),
        };
        self.serving.send_replace(Serving::Running(running.clone()));
        let serving = self.serving.clone();
        tokio::spawn(async move {
            let shutdown = async move {
                // An engine that is gone has stopped as well.
                let _ = stopped.await;
            };
            let mut run = Box::pin(server.run(shutdown));
            let ended = loop {
                tokio::select! {
                    ended = &mut run => break ended,
                    () = tokio::time::sleep(LOOK) => running.look(),
                }
            };
            serving.send_replace(match ended {
                Ok(summary) => Serving::Stopped(Some(summary)),
                Err(error) => {
                    tracing::error!(%error, "the CA server stopped by itself");
                    Serving::Failed(error.to_string())
                }
            });
        });
        Ok(address)
    }

    /// Stops its server: it accepts nobody more, and finishes what is under way. Waits for that.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] if it does not run.
    pub(super) async fn stop(&self) -> Result<(), EngineError> {
        let running = self.running()?;
        let stop = lock(&running.stop).take().ok_or(EngineError::Stopped)?;
        self.serving.send_replace(Serving::Stopping);
        // If it is gone already, it has said why.
        let _ = stop.send(());
        let mut serving = self.serving.subscribe();
        let _ = serving.wait_for(|serving| !matches!(serving, Serving::Stopping)).await;
        Ok(())
    }

    /// Waits until its server has failed; for ever if it never does.
    pub(super) async fn failed(&self) -> String {
        let mut serving = self.serving.subscribe();
        match serving.wait_for(|serving| matches!(serving, Serving::Failed(_))).await.as_deref() {
            Ok(Serving::Failed(reason)) => reason.clone(),
            _ => std::future::pending().await,
        }
    }
}

async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(EngineError::Panicked))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
