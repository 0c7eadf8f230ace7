//! A console from its start to its end.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

use crate::pages;
use crate::shell::guard::guard;
use crate::shell::options::ConsoleOptions;
use crate::shell::page::Refusal;
use crate::shell::session::Sessions;
use crate::shell::shared::Shared;
use crate::shell::site::{Names, Site};
use crate::shell::tls::{self, TlsError};
use crate::shell::{assets, login};
use minipki_http::Connections;
use minipki_server::CaService;

/// Why a console did not start.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// It would be reachable from other machines, in clear.
    #[error(
        "{0} is reachable from other machines, and the console's secrets would pass in clear; listen on 127.0.0.1, \
         or give --tls-issued, or --tls-cert and --tls-key"
    )]
    NotEncrypted(SocketAddr),
    /// The address cannot be listened on.
    #[error(
        "the console cannot listen on {address}: {source}; choose another address, or stop what holds it"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Its certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No random numbers.
    #[error("the operating system gave no random numbers: {0}; try again")]
    Entropy(getrandom::Error),
}

/// How often another port is tried, where port 0 was asked for and the twin address has that port in use.
const PORTS: usize = 16;

/// A console that listens.
pub struct Console {
    listener: TcpListener,
    /// On the other address of loopback, where a browser may look for the console as well.
    twin: Option<TcpListener>,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
}

/// Makes links to a console.
#[derive(Clone)]
pub struct LoginLinks(Arc<Shared>);

impl LoginLinks {
    /// A new link with a one-time secret: who opens it first has a session.
    ///
    /// # Errors
    /// [`ConsoleError::Entropy`].
    pub fn link(&self) -> Result<String, ConsoleError> {
        login::make(&self.0, None).map_err(ConsoleError::Entropy)
    }
}

impl Console {
    /// Starts to listen, for the CA behind `service`. Browsers wait until [`Console::run`].
    ///
    /// # Errors
    /// [`ConsoleError`]; above all [`ConsoleError::NotEncrypted`] off loopback without TLS.
    pub async fn bind(options: ConsoleOptions, service: Arc<CaService>) -> Result<Self, ConsoleError> {
        let ConsoleOptions { listen, limits, .. } = options;
        if !listen.ip().is_loopback() {
            if options.tls.is_none() {
                return Err(ConsoleError::NotEncrypted(listen));
            }
            tracing::warn!(address = %listen, "the console can be reached from other machines");
        }
        // Events are kept from here on, for the Live page.
        service.live();
        let names = Names::new(&options).map_err(ConsoleError::Entropy)?;
        let tls =
            options.tls.as_ref().map(|tls| tls::prepare(tls, &service, &names, listen.ip())).transpose()?;
        let (tls, root_pem) = tls.map_or((None, None), |tls| (Some(tls.acceptor), tls.root_pem));
        let (listener, twin) = open_sockets(listen, names.twin(listen.ip())).await?;
        let failed = |source| ConsoleError::Listen { address: listen, source };
        let address = listener.local_addr().map_err(failed)?;
        let shared = Shared {
            service,
            sessions: Sessions::new(limits),
            site: Site::new(&options, address, names),
            limits,
            root_pem,
            scenario: Mutex::default(),
        };
        Ok(Self { listener, twin, address, tls, shared: Arc::new(shared) })
    }

    /// Where it listens, with the port that port 0 became.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The maker of links to it.
    pub fn login_links(&self) -> LoginLinks {
        LoginLinks(self.shared.clone())
    }

    /// Serves the pages until `shutdown` resolves.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let pages = routes(self.shared.clone());
        let limits = self.shared.limits;
        let connections = Connections::new(limits.held());
        let serve = async |listener: &TcpListener| {
            minipki_http::serve(
                listener,
                self.tls.clone(),
                pages.clone(),
                connections.clone(),
                limits.deadline,
                || self.shared.service.events().flush(false),
            )
            .await
        };
        let twin = async {
            match &self.twin {
                Some(twin) => serve(twin).await,
                None => std::future::pending().await,
            }
        };
        tracing::info!(address = %self.address, "the console serves");
        tokio::select! {
            biased;
            () = shutdown => {}
            never = async { tokio::join!(serve(&self.listener), twin).0 } => match never {},
        }
        self.shared.service.events().flush(true);
    }
}

/// Listens on `listen`, and on the address `twin` with the same port where this machine has such an address.
async fn open_sockets(
    listen: SocketAddr,
    twin: Option<IpAddr>,
) -> Result<(TcpListener, Option<TcpListener>), ConsoleError> {
    let failed = |address| move |source| ConsoleError::Listen { address, source };
    let mut tries = if listen.port() == 0 { PORTS } else { 1 };
    loop {
        let listener = TcpListener::bind(listen).await.map_err(failed(listen))?;
        let Some(twin) = twin else { return Ok((listener, None)) };
        let twin = SocketAddr::new(twin, listener.local_addr().map_err(failed(listen))?.port());
        tries -= 1;
        match TcpListener::bind(twin).await {
            Ok(twin) => return Ok((listener, Some(twin))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries == 0 => {
                return Err(failed(twin)(error));
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            // A machine without this address has nobody else on it.
            Err(_) => return Ok((listener, None)),
        }
    }
}

/// All pages, behind the guard.
fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(pages::routes())
        .merge(login::routes())
        .merge(assets::routes())
        .fallback(async || {
            Refusal::new(StatusCode::NOT_FOUND, "There is no such page.", "Choose one from the navigation.")
        })
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}
