//! The repository: starts to listen, and serves until it is dropped.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use miette::Diagnostic;
use minipki_http::{ConnectionLimits, Connections};
use minipki_server::CaService;
use tokio::net::TcpListener;

use crate::routes::routes;

/// The reason why a repository did not start.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("the repository cannot listen on {address}: {source}")]
#[diagnostic(help("choose another address with --http, or stop the program that uses it"))]
pub struct RepositoryError {
    /// The address.
    address: SocketAddr,
    /// The error of the operating system.
    source: io::Error,
}

/// The limits of the repository. Each client is anonymous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of connections at a time. One more closes the oldest of them.
    pub connections: usize,
    /// The lifetime of a connection: the time for the longest list at the slowest client.
    pub life: Duration,
    /// The number of requests on one connection.
    pub requests: u32,
    /// The time limit for the head of a request, and for each write without progress.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            life: Duration::from_secs(5 * 60),
            requests: 100,
            deadline: Duration::from_secs(10),
        }
    }
}

/// A repository that listens.
pub struct Repository {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<CaService>,
    limits: Limits,
}

impl Repository {
    /// Starts to listen on `listen`. The documents are served by [`Repository::run`].
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub async fn bind(
        listen: SocketAddr,
        limits: Limits,
        service: Arc<CaService>,
    ) -> Result<Self, RepositoryError> {
        let failed = |source| RepositoryError { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::info!(%address, "the repository listens");
        Ok(Self { listener, address, service, limits })
    }

    /// The address of the listening socket, with its real port.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves the documents for ever. All connections end when this is dropped.
    pub async fn run(&self) -> Infallible {
        let Limits { connections, life, requests, deadline } = self.limits;
        let limits = ConnectionLimits {
            anonymous: connections,
            anonymous_life: life,
            anonymous_requests: requests,
            session: 0,
        };
        let (pages, connections) = (routes(self.service.clone()), Connections::new(limits));
        minipki_http::serve(&self.listener, None, pages, connections, deadline, || {}).await
    }
}
