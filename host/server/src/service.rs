//! One CA in its folder: its key, its issuer with the TCP front, and the readers of its ledger. Every front of the CA
//! uses this service.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use miette::Diagnostic;
use minipki_core::crypto::rsa::KeySize;
use tokio::task::spawn_blocking;

use super::Summary;
use super::audit_trail::{AuditTrail, open_audit_log};
use super::error::ServiceError;
use super::event_log::EventLog;
use super::events::Events;
use super::history::History;
use super::lifecycle::{Running, SAMPLE_INTERVAL, Serving, ServingState};
use super::live::LiveFeed;
use super::published::Lists;
use super::state::{self, StateError, open_authority, storage};
use super::tcp::{Limits, Server, ServerOptions};
use super::unlock_tries::Unlocking;
use minipki_ca::Policy;
use minipki_ca::ports::{LedgerError, LedgerReader, Storage, TokenBook};
use minipki_keys::{CaFolder, FolderError, SignerKind};
use minipki_ledger::Accept;
use minipki_net::trace::Tap;
use minipki_os::Failure;
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// The options of the CA's server.
#[derive(Clone)]
pub struct CaOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The policy of the CA.
    pub policy: Policy,
    /// The implementation of the signer.
    pub signer: SignerKind,
    /// The limits for clients.
    pub limits: Limits,
    /// The conditions of the ledger and the clock that the operator accepts.
    pub accept: Accept,
    /// An observer of each frame.
    pub tap: Option<Arc<dyn Tap>>,
}

/// The CA's key.
#[derive(Clone)]
pub enum CaKey {
    /// There is no key.
    None,
    /// The key is being generated.
    Making {
        /// The size.
        size: KeySize,
        /// The time of the start.
        since: Instant,
    },
    /// The key could not be generated, or cannot be used.
    Failed(Failure),
    /// The key can be used.
    Ready(Arc<CaFolder>),
}

impl CaKey {
    /// The key in the folder `dir`; [`CaKey::None`] if one can be generated there.
    fn of(dir: &Path, passphrase: Option<&Passphrase>) -> Result<Self, FolderError> {
        if state::can_create(dir) {
            return Ok(Self::None);
        }
        Ok(Self::Ready(Arc::new(CaFolder::open(dir)?.with_passphrase(passphrase.cloned()))))
    }
}

/// One CA.
pub struct CaService {
    provider: HostProvider,
    dir: PathBuf,
    /// The passphrase from the start, also for a key that is generated later.
    pub(super) passphrase: Option<Passphrase>,
    key: Mutex<CaKey>,
    pub(super) unlocking: Unlocking,
    pub(super) serving: Arc<ServingState>,
    pub(super) lists: Lists,
    live: Arc<LiveFeed>,
    history: Arc<History>,
    events: Events,
}

impl CaService {
    /// The CA in `dir`, which may not exist yet.
    ///
    /// # Errors
    /// [`FolderError`] if `dir` has other content, or if other users can reach it.
    pub fn open(provider: HostProvider, dir: &Path) -> Result<Self, FolderError> {
        Self::open_with(provider, dir, None)
    }

    /// [`CaService::open`] with the passphrase of the key. It is not checked. A new key is encrypted with it.
    ///
    /// # Errors
    /// As [`CaService::open`].
    pub fn open_with(
        provider: HostProvider,
        dir: &Path,
        passphrase: Option<Passphrase>,
    ) -> Result<Self, FolderError> {
        let live = Arc::new(LiveFeed::default());
        let (log, audited) = (EventLog::default(), dir.to_owned());
        let trail = AuditTrail::new(Box::new(move || open_audit_log(&audited)));
        let history = Arc::new(History::default());
        let events = Events::new(vec![Arc::new(log), Arc::new(trail), live.clone(), history.clone()]);
        Ok(Self {
            provider,
            dir: dir.to_owned(),
            key: Mutex::new(CaKey::of(dir, passphrase.as_ref())?),
            passphrase,
            unlocking: Unlocking::default(),
            serving: Arc::default(),
            lists: Lists::default(),
            live,
            history,
            events,
        })
    }

    /// The cryptographic provider of the sessions.
    pub const fn provider(&self) -> HostProvider {
        self.provider
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The feed of the Live page. It records events from the first call on.
    pub fn live(&self) -> &Arc<LiveFeed> {
        self.live.watch();
        &self.live
    }

    /// The refusals of the last month, since this service was opened.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The sinks of the CA's events.
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// The key.
    pub fn key(&self) -> CaKey {
        self.refresh_key().clone()
    }

    /// The key. While there is no key, this reads the folder again: another process may have generated one. It also reads
    /// the folder again when another process has changed the key.
    pub(super) fn refresh_key(&self) -> MutexGuard<'_, CaKey> {
        let mut key = lock(&self.key);
        if let CaKey::Ready(folder) = &*key {
            match folder.reopened() {
                Ok(None) => {}
                Ok(Some(changed)) => *key = CaKey::Ready(Arc::new(changed)),
                Err(error) => *key = CaKey::Failed(Failure::from(&error)),
            }
        }
        if matches!(*key, CaKey::None | CaKey::Failed(_)) {
            match CaKey::of(&self.dir, self.passphrase.as_ref()) {
                // A failure stays until there is a key.
                Ok(CaKey::None) => {}
                Ok(found) => *key = found,
                Err(error) => *key = CaKey::Failed(Failure::from(&error)),
            }
        }
        key
    }

    /// The folder with a key.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`].
    pub fn folder(&self) -> Result<Arc<CaFolder>, ServiceError> {
        match self.key() {
            CaKey::Ready(folder) => Ok(folder),
            _ => Err(ServiceError::NoKey),
        }
    }

    /// Replaces the key.
    pub(super) fn set_key(&self, key: CaKey) {
        *lock(&self.key) = key;
    }

    /// Sets the passphrase of the key, or forgets it.
    pub(super) fn set_passphrase(&self, passphrase: Option<Passphrase>) {
        let mut key = lock(&self.key);
        if let CaKey::Ready(folder) = &*key {
            *key = CaKey::Ready(Arc::new(CaFolder::clone(folder).with_passphrase(passphrase)));
        }
    }

    /// The state of the server.
    pub fn serving(&self) -> Serving {
        self.serving.get()
    }

    /// The running server.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`].
    pub fn running(&self) -> Result<Running, ServiceError> {
        match self.serving() {
            Serving::Running(running) => Ok(running),
            _ => Err(ServiceError::Stopped),
        }
    }

    /// Reads the ledger with `read`, off the async threads. The ledger is opened for each call, which takes less than a
    /// millisecond. A ledger of an earlier schema is refused.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; the error of the ledger.
    pub async fn read<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&mut dyn LedgerReader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let folder = self.folder()?;
        run_blocking(move || {
            let mut reader = storage(&folder).reader()?;
            Ok(read(reader.as_mut())?)
        })
        .await
    }

    /// Changes the tokens with `write`, off the async threads.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; the error of the ledger.
    pub async fn write<T: Send + 'static>(
        self: Arc<Self>,
        write: impl FnOnce(&mut dyn TokenBook) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        run_blocking(move || Ok(write(self.tokens()?.as_mut())?)).await
    }

    /// The tokens. Call it off the async threads for more than one change.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; the error of the ledger.
    pub fn tokens(&self) -> Result<Box<dyn TokenBook>, ServiceError> {
        let folder = self.folder()?;
        Ok(storage(&folder).tokens()?)
    }

    /// Opens the CA and serves until `shutdown` resolves or [`CaService::stop`] is called.
    ///
    /// # Errors
    /// [`ServiceError`] if the server cannot start, or fails.
    pub async fn serve(
        &self,
        options: CaOptions,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, ServiceError> {
        let (server, running) = self.open_server(options).await?;
        self.run(server, running, shutdown).await
    }

    /// Opens the CA and serves on a separate task. Returns the address. The start continues if this future is dropped.
    ///
    /// # Errors
    /// [`ServiceError`] if the server cannot start.
    pub async fn start(self: &Arc<Self>, options: CaOptions) -> Result<SocketAddr, ServiceError> {
        let service = self.clone();
        // A separate task: a browser that disconnects must not leave the state at `Starting`.
        let start = tokio::spawn(async move {
            let (server, running) = service.open_server(options).await?;
            let address = running.address;
            tokio::spawn(async move {
                if let Err(error) = service.run(server, running, pending()).await {
                    let next = error.help().map(tracing::field::display);
                    tracing::error!(%error, next, "the CA server failed");
                }
            });
            Ok(address)
        });
        start.await.unwrap_or(Err(ServiceError::Panicked))
    }

    /// Opens the CA and listens. The result becomes the state.
    async fn open_server(&self, options: CaOptions) -> Result<(Server, Running), ServiceError> {
        let folder = self.folder()?;
        if !self.serving.begin(Serving::Starting) {
            return Err(ServiceError::Runs);
        }
        let opened = self.bind(folder, options).await;
        if let Err(ServiceError::State(StateError::Folder(error))) = &opened
            && error.needs_passphrase()
        {
            // Another process has changed the passphrase.
            self.set_passphrase(None);
        }
        self.serving.set(match &opened {
            Ok((_, running)) => Serving::Running(running.clone()),
            Err(error) => Serving::Failed(Failure::from(error)),
        });
        opened
    }

    async fn bind(
        &self,
        folder: Arc<CaFolder>,
        options: CaOptions,
    ) -> Result<(Server, Running), ServiceError> {
        let CaOptions { listen, policy, signer, limits, accept, tap } = options;
        let open = move || Ok(open_authority(&folder, policy, signer, accept)?);
        let authority = run_blocking(open).await?;
        let events = self.events.clone();
        let server =
            Server::bind(authority, ServerOptions { provider: self.provider, listen, limits, tap, events })
                .await?;
        let running = Running::new(server.local_addr(), policy, server.issuer().clone(), server.metrics());
        Ok((server, running))
    }

    /// Serves to the end. The result becomes the state.
    async fn run(
        &self,
        server: Server,
        running: Running,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, ServiceError> {
        let stop = running.clone();
        // A separate task, so a panic ends only the server.
        let mut server = tokio::spawn(server.run(async move { stop.stop_requested().await }));
        let shutdown = async {
            shutdown.await;
            self.serving.request_stop();
            pending::<()>().await;
        };
        let mut shutdown = pin!(shutdown);
        let ended = loop {
            tokio::select! {
                ended = &mut server => break ended,
                () = tokio::time::sleep(SAMPLE_INTERVAL) => running.sample(),
                () = &mut shutdown => {}
            }
        };
        let ended = ended.map_or(Err(ServiceError::Panicked), |ended| ended.map_err(ServiceError::from));
        self.serving.set(match &ended {
            Ok(summary) => Serving::Stopped(Some(*summary)),
            Err(error) => Serving::Failed(Failure::from(error)),
        });
        ended
    }

    /// Stops the server, and waits until the open connections are finished.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`] if the server does not run.
    pub async fn stop(&self) -> Result<(), ServiceError> {
        if self.serving.stop().await { Ok(()) } else { Err(ServiceError::Stopped) }
    }

    /// Waits until the server fails. Returns the reason.
    pub async fn failed(&self) -> Failure {
        self.serving.failed().await
    }
}

pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    spawn_blocking(work).await.unwrap_or(Err(ServiceError::Panicked))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
