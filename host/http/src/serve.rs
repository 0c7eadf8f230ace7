//! The accept loop, and HTTP with deadlines on each connection, with or without TLS.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
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
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::connections::{Connections, Permit};
use super::write_deadline::WriteDeadline;
use minipki_net::LogLimit;

/// The maximum size of the head of a request, in bytes.
const HEAD: usize = 16 * 1024;

/// The address of the client, as an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves `pages` to all clients for ever. All connections end when this is dropped. Each request has its [`Peer`] and
/// the [`Permit`] of its connection as extensions. Calls `accepted` after each connection.
pub async fn serve(
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
    pages: Router,
    connections: Arc<Connections>,
    deadline: Duration,
    accepted: impl Fn(),
) -> Infallible {
    let log = LogLimit::<IpAddr>::new(1);
    let mut tasks = JoinSet::new();
    loop {
        let (stream, peer) = minipki_net::accept(listener, &log).await;
        log.summarize(false);
        accepted();
        let (tls, pages) = (tls.clone(), pages.clone());
        connections
            .start(&mut tasks, |permit| serve_one(stream, Client { peer, permit }, tls, pages, deadline));
        while tasks.try_join_next().is_some() {}
    }
}

/// The client of a connection, and the permit of the connection.
struct Client {
    peer: SocketAddr,
    permit: Arc<Permit>,
}

async fn serve_one(
    stream: TcpStream,
    client: Client,
    tls: Option<TlsAcceptor>,
    pages: Router,
    deadline: Duration,
) {
    // Responses are written whole, so a delay (Nagle) would gain nothing.
    let _ = stream.set_nodelay(true);
    let peer = client.peer;
    let stream = WriteDeadline::new(stream, deadline);
    match tls {
        None => http(stream, client, pages, deadline).await,
        Some(tls) => match timeout(deadline, tls.accept(stream)).await {
            Ok(Ok(stream)) => http(stream, client, pages, deadline).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "the TLS handshake timed out"),
        },
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Client { peer, permit }: Client,
    pages: Router,
    deadline: Duration,
) {
    let pages = TowerToHyperService::new(pages);
    let shown = permit.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(shown.clone());
        hyper::service::Service::call(&pages, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadline)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    loop {
        let left = permit.left();
        if left.is_zero() {
            tracing::debug!(%peer, "a connection was too long without a session");
            break;
        }
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
                break;
            }
            () = sleep(left) => {}
        }
    }
}
