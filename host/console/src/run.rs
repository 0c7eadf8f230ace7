//! The console: starts to listen, and serves the pages until it is stopped.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use miette::Diagnostic;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OnceCell};

use crate::link_socket;
use crate::pages;
use crate::shell::guard::guard;
use crate::shell::options::ConsoleOptions;
use crate::shell::refusal::Refusal;
use crate::shell::session::Sessions;
use crate::shell::site::{Names, Site};
use crate::shell::tls::{self, Encryption, TlsError};
use crate::shell::{LastStart, Shared, assets, login};
use minipki_http::Connections;
use minipki_server::CaService;

/// The reason why a console did not start.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConsoleError {
    /// Other machines could reach the console without encryption.
    #[error("{0} is reachable from other machines, and the console's secrets would be sent in clear")]
    #[diagnostic(help("listen on 127.0.0.1, or give --tls-issued, or --tls-cert and --tls-key"))]
    NotEncrypted(SocketAddr),
    /// The console cannot listen on the address.
    #[error("the console cannot listen on {address}: {source}")]
    #[diagnostic(help("choose another address, or stop the program that uses it"))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// There is no TLS.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tls(#[from] TlsError),
    /// There are no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    #[diagnostic(help("try again"))]
    Entropy(getrandom::Error),
}

/// The number of ports that are tried for port 0, if a port is in use on the other loopback address.
const PORTS: usize = 16;

/// A console that listens.
pub struct Console {
    listener: TcpListener,
    /// The listener on the other loopback address, since a browser may try both.
    twin: Option<TcpListener>,
    address: SocketAddr,
    tls: Option<Encryption>,
    shared: Arc<Shared>,
}

/// Makes one-time links to a console.
#[derive(Clone)]
pub struct LoginLinks(Arc<Shared>);

impl LoginLinks {
    /// A new link with a one-time secret. The first browser that opens it gets a session.
    ///
    /// # Errors
    /// [`ConsoleError::Entropy`].
    pub fn link(&self) -> Result<String, ConsoleError> {
        login::make(&self.0, None).map_err(ConsoleError::Entropy)
    }
}

impl Console {
    /// Starts to listen. The pages are served by [`Console::run`].
    ///
    /// # Errors
    /// [`ConsoleError`]; for example [`ConsoleError::NotEncrypted`] for an address that is not loopback, without TLS.
    pub async fn bind(options: ConsoleOptions, service: Arc<CaService>) -> Result<Self, ConsoleError> {
        let ConsoleOptions { listen, limits, .. } = options;
        if !listen.ip().is_loopback() {
            if options.tls.is_none() {
                return Err(ConsoleError::NotEncrypted(listen));
            }
            tracing::warn!(address = %listen, "the console can be reached from other machines");
        }
        // From here on, events are kept for the Live page.
        service.live();
        let names = Names::new(&options).map_err(ConsoleError::Entropy)?;
        let (listener, twin) = open_sockets(listen, names.twin(listen.ip())).await?;
        let failed = |source| ConsoleError::Listen { address: listen, source };
        let address = listener.local_addr().map_err(failed)?;
        // A certificate is issued only for a console that can listen.
        let tls = match &options.tls {
            Some(tls) => Some(tls::prepare(tls, &service, &names, listen.ip()).await?),
            None => None,
        };
        let shared = Shared {
            service,
            sessions: Sessions::new(limits),
            site: Site::new(&options, address, names),
            limits,
            sandbox: OnceCell::new(),
            scenario: Mutex::default(),
            last_start: LastStart::default(),
        };
        Ok(Self { listener, twin, address, tls, shared: Arc::new(shared) })
    }

    /// The address of the listening socket, with its real port.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The maker of links to this console.
    pub fn login_links(&self) -> LoginLinks {
        LoginLinks(self.shared.clone())
    }

    /// Serves the pages until `shutdown` resolves.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let pages = routes(self.shared.clone());
        let limits = self.shared.limits;
        let connections = Connections::new(limits.connection_limits());
        let serve = async |listener: &TcpListener| {
            minipki_http::serve(
                listener,
                self.tls.as_ref().map(|tls| tls.acceptor.clone()),
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
        let certificates = async {
            match self.tls.as_ref().and_then(|tls| tls.issuance.as_ref()) {
                Some(issuance) => issuance.keep_new().await,
                None => std::future::pending().await,
            }
        };
        tracing::info!(address = %self.address, "the console serves");
        tokio::select! {
            biased;
            () = shutdown => {}
            () = link_socket::serve(&self.shared.service, || self.login_links().link().ok()) => {}
            never = certificates => match never {},
            never = async { tokio::join!(serve(&self.listener), twin).0 } => match never {},
        }
        self.shared.service.events().flush(true);
    }
}

/// Listens on `listen`, and on `twin` with the same port if this machine has that address.
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
            // This machine does not have the address `twin`.
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
        .fallback(async || Refusal::of_status(StatusCode::NOT_FOUND))
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}
