//! Taking connections, also when the operating system cannot give one.

use std::fmt::Display;
use std::hash::Hash;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::LogLimit;

/// The wait before the next try when the operating system gives no connection, as when all descriptors are in use.
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Takes the next connection. While the operating system gives none, it tries again, and logs that once and then
/// as summaries. May be dropped at any time.
pub async fn accept<S>(listener: &TcpListener, log: &LogLimit<S>) -> (TcpStream, SocketAddr)
where
    S: Copy + Eq + Hash + Display,
{
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The peer was gone before it was let in.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if let Some(left_out) = log.note("cannot accept", None) {
                    let more = left_out.count();
                    tracing::warn!(%error, more, "cannot accept connections for the moment; they wait");
                }
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}
