//! Connections to the other side, within a deadline.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ClientError;

/// How long the other side may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To take the connection.
    pub connect: Duration,
    /// For the whole exchange after that: an enrolment, or a handshake.
    pub exchange: Duration,
}

impl Default for Deadlines {
    /// Ten seconds, and thirty: what waits at a busy CA is signed in less.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), exchange: Duration::from_secs(30) }
    }
}

/// Connects to `address`, which is `host:port`.
pub(super) async fn dial(address: &str, deadlines: Deadlines) -> Result<TcpStream, ClientError> {
    let limit = deadlines.connect;
    let connected = timeout(limit, TcpStream::connect(address))
        .await
        .map_err(|_| ClientError::ConnectDeadline { address: address.to_owned(), limit })?;
    let unreachable = |source| ClientError::Unreachable { address: address.to_owned(), source };
    let stream = connected.map_err(unreachable)?;
    // Each message waits for an answer to it: none is to wait for another to fill a segment.
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}
