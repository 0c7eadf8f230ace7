//! The CA behind the pages: its key, its server, and the readers of its ledger.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use minipki_core::cert::IdBuf;
use minipki_core::crypto::rsa::KeySize;

use super::serving::{LOOK, Running, Serving, ServingState};
use minipki_ca::Policy;
use minipki_keys::{CaFolder, FolderError, SignerKind};
use minipki_ledger::{Accept, LedgerReader, StoreError, TokenBook};
use minipki_net::trace::{Events, Tap};
use minipki_server::state::{self, StateError, open_authority, owner};
use minipki_server::{Limits, ServeError, Server, ServerOptions};

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
    /// It could not be made, or cannot be used.
    Failed(String),
    /// It is there.
    Ready(Arc<CaFolder>),
}

impl Key {
    /// The key in the folder `dir`, or none where one can be made.
    fn of(dir: &Path) -> Result<Self, FolderError> {
        if state::can_create(dir) {
            return Ok(Self::None);
        }
        Ok(Self::Ready(Arc::new(CaFolder::open(dir)?)))
    }
}

/// The CA, as the console holds it.
pub(super) struct Engine {
    dir: PathBuf,
    key: Mutex<Key>,
    serving: Arc<ServingState>,
    events: Arc<Events>,
}

impl Engine {
    /// The CA in `dir`, or the one that will be made there.
    ///
    /// # Errors
    /// [`FolderError`] if there is something in `dir` that is no CA, or one that others can reach.
    pub(super) fn open(dir: &Path) -> Result<Self, FolderError> {
        Ok(Self {
            dir: dir.to_owned(),
            key: Mutex::new(Key::of(dir)?),
            serving: Arc::default(),
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
        self.look().clone()
    }

    /// Its key. While there is none its folder is looked at again: another process may have made it.
    fn look(&self) -> MutexGuard<'_, Key> {
        let mut key = lock(&self.key);
        if matches!(*key, Key::None | Key::Failed(_)) {
            match Key::of(&self.dir) {
                // A failure is shown until there is a key.
                Ok(Key::None) => {}
                Ok(found) => *key = found,
                Err(error) => *key = Key::Failed(error.to_string()),
            }
        }
        key
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
        self.serving.get()
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

    /// Begins to make its key, on a thread of its own. `ended` is told what came of it, before anybody sees the key.
    ///
    /// # Errors
    /// [`EngineError::HasKey`].
    pub(super) fn make_key(
        self: &Arc<Self>,
        issuer_id: IdBuf,
        size: KeySize,
        ended: impl FnOnce(Result<(), &StateError>) + Send + 'static,
    ) -> Result<(), EngineError> {
        {
            let mut key = self.look();
            if matches!(*key, Key::Making { .. } | Key::Ready(_)) {
                return Err(EngineError::HasKey);
            }
            *key = Key::Making { size, since: Instant::now() };
        }
        let engine = self.clone();
        tokio::task::spawn_blocking(move || {
            let made = state::create(&engine.dir, issuer_id, size);
            ended(made.as_ref().map(drop));
            *lock(&engine.key) = made.map_or_else(
                |error| Key::Failed(error.to_string()),
                |made| Key::Ready(Arc::new(made.folder)),
            );
        });
        Ok(())
    }

    /// Starts its server; gives where it listens. The start goes on when its caller is gone.
    ///
    /// # Errors
    /// [`EngineError`]: what is in the way.
    pub(super) async fn start(self: &Arc<Self>, options: CaOptions) -> Result<SocketAddr, EngineError> {
        let folder = self.folder()?;
        if !self.serving.begin() {
            return Err(EngineError::Runs);
        }
        let engine = self.clone();
        // A task of its own: a browser that goes away must not leave the state at `Starting`.
        let start = tokio::spawn(async move {
            let started = engine.bind(folder, options).await;
            if let Err(error) = &started {
                tracing::error!(%error, "the CA server did not start");
                engine.serving.set(Serving::Failed(error.to_string()));
            }
            started
        });
        start.await.unwrap_or(Err(EngineError::Panicked))
    }

    async fn bind(&self, folder: Arc<CaFolder>, options: CaOptions) -> Result<SocketAddr, EngineError> {
        let CaOptions { listen, policy, signer, limits, accept, tap } = options;
        let open = move || Ok(open_authority(&folder, policy, signer, accept)?);
        let authority = off_the_async_threads(open).await?;
        let events = Some(self.events.clone());
        let options = ServerOptions { listen, limits, tap, events };
        let server = Server::bind(authority, options).await?;
        let (address, counts) = (server.local_addr(), server.counts());
        let running = Running::new(address, policy, counts);
        self.serving.set(Serving::Running(running.clone()));
        let (serving, stopped) = (self.serving.clone(), running.clone());
        let mut run = tokio::spawn(server.run(async move { stopped.told_to_stop().await }));
        tokio::spawn(async move {
            let ended = loop {
                tokio::select! {
                    ended = &mut run => break ended,
                    () = tokio::time::sleep(LOOK) => running.look(),
                }
            };
            let ended = ended.map_or(Err(EngineError::Panicked), |ended| ended.map_err(EngineError::from));
            serving.set(match ended {
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
        if self.serving.stop().await { Ok(()) } else { Err(EngineError::Stopped) }
    }

    /// Waits until its server has failed; for ever if it never does.
    pub(super) async fn failed(&self) -> String {
        self.serving.failed().await
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
