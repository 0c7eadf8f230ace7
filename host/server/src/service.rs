//! One CA in its folder: its key, its issuer with the TCP front, and the readers of its ledger. Every front of the CA
//! goes through this.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use minipki_core::cert::IdBuf;
use minipki_core::crypto::rsa::KeySize;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Summary;
use super::audit_trail::AuditTrail;
use super::event_log::EventLog;
use super::events::Events;
use super::lifecycle::{LOOK, Running, Serving, ServingState};
use super::live::LiveFeed;
use super::state::{self, StateError, open_authority, storage};
use super::tcp::{Limits, ServeError, Server, ServerOptions};
use minipki_ca::Policy;
use minipki_ca::ports::{AuditLog, LedgerError, LedgerReader, Storage, TokenBook};
use minipki_keys::{CaFolder, FolderError, SignerKind};
use minipki_ledger::Accept;
use minipki_net::trace::Tap;
use minipki_provider::HostProvider;

/// Why the CA does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
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
    Ledger(#[from] LedgerError),
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
    /// Who watches each frame, beside the sinks.
    pub tap: Option<Arc<dyn Tap>>,
}

/// The CA's key.
#[derive(Clone)]
pub enum CaKey {
    /// There is none.
    None,
    /// It is being made.
    Making {
        /// Its size.
        size: KeySize,
        /// Since when.
        since: Instant,
    },
    /// It could not be made, or cannot be used.
    Failed(String),
    /// It is there.
    Ready(Arc<CaFolder>),
}

impl CaKey {
    /// The key in the folder `dir`, or none where one can be made.
    fn of(dir: &Path) -> Result<Self, FolderError> {
        if state::can_create(dir) {
            return Ok(Self::None);
        }
        Ok(Self::Ready(Arc::new(CaFolder::open(dir)?)))
    }
}

/// One CA, for all its fronts.
pub struct CaService {
    provider: HostProvider,
    dir: PathBuf,
    key: Mutex<CaKey>,
    serving: Arc<ServingState>,
    live: Arc<LiveFeed>,
    events: Events,
}

impl CaService {
    /// The CA in `dir`, or the one that will be made there. `provider` computes for its sessions.
    ///
    /// # Errors
    /// [`FolderError`] if there is something in `dir` that is no CA, or one that others can reach.
    pub fn open(provider: HostProvider, dir: &Path) -> Result<Self, FolderError> {
        let live = Arc::new(LiveFeed::default());
        let (log, audited) = (EventLog::default(), dir.to_owned());
        let trail = AuditTrail::new(Box::new(move || open_audit_log(&audited)));
        let events = Events::new(vec![Arc::new(log), Arc::new(trail), live.clone()]);
        Ok(Self {
            provider,
            dir: dir.to_owned(),
            key: Mutex::new(CaKey::of(dir)?),
            serving: Arc::default(),
            live,
            events,
        })
    }

    /// The provider that computes for its sessions.
    pub const fn provider(&self) -> HostProvider {
        self.provider
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What happens at its server, from the first call on.
    pub fn live(&self) -> &Arc<LiveFeed> {
        self.live.watch();
        &self.live
    }

    /// The sinks of its events.
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// Its key.
    pub fn key(&self) -> CaKey {
        self.look().clone()
    }

    /// Its key. While there is none its folder is looked at again: another process may have made it.
    fn look(&self) -> MutexGuard<'_, CaKey> {
        let mut key = lock(&self.key);
        if matches!(*key, CaKey::None | CaKey::Failed(_)) {
            match CaKey::of(&self.dir) {
                // A failure is shown until there is a key.
                Ok(CaKey::None) => {}
                Ok(found) => *key = found,
                Err(error) => *key = CaKey::Failed(error.to_string()),
            }
        }
        key
    }

    /// Its folder.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`].
    pub fn folder(&self) -> Result<Arc<CaFolder>, ServiceError> {
        match self.key() {
            CaKey::Ready(folder) => Ok(folder),
            _ => Err(ServiceError::NoKey),
        }
    }

    /// Its server.
    pub fn serving(&self) -> Serving {
        self.serving.get()
    }

    /// Its server, if it runs.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`].
    pub fn running(&self) -> Result<Running, ServiceError> {
        match self.serving() {
            Serving::Running(running) => Ok(running),
            _ => Err(ServiceError::Stopped),
        }
    }

    /// Reads its ledger with `read`, off the async threads. It is opened anew each time: that takes SQLite less than a
    /// millisecond. Reading changes nothing: a ledger of an earlier version is refused, with what brings it up to date.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`], or the ledger's.
    pub async fn read<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&mut dyn LedgerReader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let folder = self.folder()?;
        off_the_async_threads(move || {
            let mut reader = storage(&folder).reader()?;
            Ok(read(reader.as_mut())?)
        })
        .await
    }

    /// Changes its tokens with `write`, off the async threads.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`], or the ledger's.
    pub async fn write<T: Send + 'static>(
        self: Arc<Self>,
        write: impl FnOnce(&mut dyn TokenBook) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        off_the_async_threads(move || Ok(write(self.tokens()?.as_mut())?)).await
    }

    /// Its tokens, for who is off the async threads or adds but one.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`], or the ledger's.
    pub fn tokens(&self) -> Result<Box<dyn TokenBook>, ServiceError> {
        let folder = self.folder()?;
        Ok(storage(&folder).tokens()?)
    }

    /// Begins to make its key, on a thread of its own. `ended` gets the outcome before anybody sees the key. The task
    /// that is returned ends with the same outcome once the key can be seen; it goes on if it is dropped.
    ///
    /// # Errors
    /// [`ServiceError::HasKey`].
    pub fn make_key(
        self: &Arc<Self>,
        issuer_id: IdBuf,
        size: KeySize,
        ended: impl FnOnce(Result<(), &StateError>) + Send + 'static,
    ) -> Result<JoinHandle<Result<(), StateError>>, ServiceError> {
        {
            let mut key = self.look();
            if matches!(*key, CaKey::Making { .. } | CaKey::Ready(_)) {
                return Err(ServiceError::HasKey);
            }
            *key = CaKey::Making { size, since: Instant::now() };
        }
        let service = self.clone();
        Ok(spawn_blocking(move || {
            let made = state::create(&service.dir, issuer_id, size);
            ended(made.as_ref().map(drop));
            let (key, outcome) = match made {
                Ok(made) => (CaKey::Ready(Arc::new(made.folder)), Ok(())),
                Err(error) => (CaKey::Failed(error.to_string()), Err(error)),
            };
            *lock(&service.key) = key;
            outcome
        }))
    }

    /// Opens the CA and serves, until `shutdown` resolves or [`CaService::stop`] is called.
    ///
    /// # Errors
    /// [`ServiceError`]: what is in the way, or why the server stopped by itself.
    pub async fn serve(
        &self,
        options: CaOptions,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, ServiceError> {
        let (server, running) = self.open_server(options).await?;
        self.run(server, running, shutdown).await
    }

    /// Opens the CA and serves on a task of its own; gives where it listens. The start goes on when its caller is gone.
    ///
    /// # Errors
    /// [`ServiceError`]: what is in the way.
    pub async fn start(self: &Arc<Self>, options: CaOptions) -> Result<SocketAddr, ServiceError> {
        let service = self.clone();
        // A task of its own: a browser that goes away must not leave the state at `Starting`.
        let start = tokio::spawn(async move {
            let (server, running) = service.open_server(options).await?;
            let address = running.address;
            tokio::spawn(async move {
                if let Err(error) = service.run(server, running, pending()).await {
                    tracing::error!(%error, "the CA server stopped by itself");
                }
            });
            Ok(address)
        });
        start.await.unwrap_or(Err(ServiceError::Panicked))
    }

    /// From a CA that does not serve to one that listens.
    async fn open_server(&self, options: CaOptions) -> Result<(Server, Running), ServiceError> {
        let folder = self.folder()?;
        if !self.serving.begin() {
            return Err(ServiceError::Runs);
        }
        let opened = self.bind(folder, options).await;
        self.serving.set(match &opened {
            Ok((_, running)) => Serving::Running(running.clone()),
            Err(error) => Serving::Failed(error.to_string()),
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
        let authority = off_the_async_threads(open).await?;
        let events = self.events.clone();
        let server =
            Server::bind(authority, ServerOptions { provider: self.provider, listen, limits, tap, events })
                .await?;
        let running = Running::new(server.local_addr(), policy, server.metrics());
        Ok((server, running))
    }

    /// Serves to the end, which becomes the state.
    async fn run(
        &self,
        server: Server,
        running: Running,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, ServiceError> {
        let stop = running.clone();
        // A task of its own, so that a panic ends the server alone.
        let mut served = tokio::spawn(server.run(async move { stop.told_to_stop().await }));
        let shutdown = async {
            shutdown.await;
            self.serving.ask_to_stop();
            pending::<()>().await;
        };
        let mut shutdown = pin!(shutdown);
        let ended = loop {
            tokio::select! {
                ended = &mut served => break ended,
                () = tokio::time::sleep(LOOK) => running.look(),
                () = &mut shutdown => {}
            }
        };
        let ended = ended.map_or(Err(ServiceError::Panicked), |ended| ended.map_err(ServiceError::from));
        self.serving.set(match &ended {
            Ok(summary) => Serving::Stopped(Some(*summary)),
            Err(error) => Serving::Failed(error.to_string()),
        });
        ended
    }

    /// Stops its server: it accepts nobody more, and finishes what is under way. Waits for that.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`] if it does not run.
    pub async fn stop(&self) -> Result<(), ServiceError> {
        if self.serving.stop().await { Ok(()) } else { Err(ServiceError::Stopped) }
    }

    /// Waits until its server has failed; for ever if it never does.
    pub async fn failed(&self) -> String {
        self.serving.failed().await
    }
}

/// The audit log of the CA in `dir`; `None` while there is no CA.
fn open_audit_log(dir: &Path) -> Result<Option<Box<dyn AuditLog>>, String> {
    if state::can_create(dir) {
        return Ok(None);
    }
    let folder = CaFolder::open(dir).map_err(|error| error.to_string())?;
    storage(&folder).audit().map(Some).map_err(|error| error.to_string())
}

async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    spawn_blocking(work).await.unwrap_or(Err(ServiceError::Panicked))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
