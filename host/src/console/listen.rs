//! The console's sockets: so many at a time, each with deadlines, encrypted where it must be.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Limits;
use super::guard::Peer;
use crate::net::{self, LogLimit};

/// Bytes of a request's head, at most.
const HEAD: usize = 16 * 1024;

/// Serves `pages` to whoever comes, for ever; connections end when this is dropped.
pub(super) async fn serve(
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
    pages: Router,
    limits: Limits,
) -> Infallible {
    // Most descriptors are the CA's.
    let connections = limits.connections.min(net::descriptor_limit() / 16);
    let seats = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
    let log = LogLimit::<IpAddr>::new(1);
    let mut tasks = JoinSet::new();
    loop {
        // The semaphore is never closed. Whoever comes meanwhile waits in the system's queue.
        let Ok(seat) = seats.clone().acquire_owned().await else { continue };
        let (stream, peer) = net::accept(listener, &log).await;
        log.summarize(false);
        let (tls, pages) = (tls.clone(), pages.clone());
        tasks.spawn(async move {
            converse(stream, peer, tls, pages, limits.deadline).await;
            drop(seat);
        });
        while tasks.try_join_next().is_some() {}
    }
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    pages: Router,
    deadline: Duration,
) {
    // Answers are written whole: nothing is gained by holding them back.
    let _ = stream.set_nodelay(true);
    match tls {
        None => http(stream, peer, pages, deadline).await,
        Some(tls) => match timeout(deadline, tls.accept(stream)).await {
            Ok(Ok(stream)) => http(stream, peer, pages, deadline).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
            Err(_) => tracing::debug!(%peer, "no TLS in time"),
        },
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    pages: Router,
    deadline: Duration,
) {
    let pages = TowerToHyperService::new(pages);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        hyper::service::Service::call(&pages, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadline)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%peer, %error, "a browser's connection ended early");
    }
}
