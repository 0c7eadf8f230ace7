//! Connections to the other side, within a deadline.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::ClientError;

/// How long the other side may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To take the connection.
    pub connect: Duration,
    /// For the whole exchange after that: an enrolment, or a handshake.
    pub exchange: Duration,
    /// For each message of an open channel, until the operating system has taken it. A peer that does
    /// not read makes this wait.
    pub send: Duration,
}

impl Default for Deadlines {
    /// 10 seconds to connect, 30 for an exchange (requests that wait at a busy CA are signed in less),
    /// and 30 for a message.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            exchange: Duration::from_secs(30),
            send: Duration::from_secs(30),
        }
    }
}

/// The time after which the next address is tried, while the attempts before it go on (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A connection that has been idle for this long is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// The time between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// The number of probes without an answer after which the connection fails.
const KEEPALIVE_RETRIES: u32 = 3;

/// Connects to `address`, which is `host:port`. All addresses of the host are tried, see [`connect_any`].
pub(super) async fn dial(address: &str, deadlines: Deadlines) -> Result<TcpStream, ClientError> {
    let limit = deadlines.connect;
    let connecting = async {
        let addresses: Vec<_> = lookup_host(address).await?.collect();
        connect_any(&addresses).await
    };
    let stream = timeout(limit, connecting)
        .await
        .map_err(|_| ClientError::ConnectDeadline { address: address.to_owned(), limit })?
        .map_err(|source| ClientError::Unreachable { address: address.to_owned(), source })?;
    configure(&stream);
    Ok(stream)
}

/// Connects to the first of `addresses` that takes the connection ("happy eyeballs", RFC 8305).
///
/// They are tried in their order, with IPv6 and IPv4 in turn. The next attempt begins when one has failed,
/// and at the latest after 250 ms, so an address that never answers delays no other. There is no limit
/// to the time of the last attempt.
///
/// # Errors
/// The error of the attempt that failed last, or [`io::ErrorKind::NotFound`] without any address.
pub async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = in_turn(addresses);
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    // Dropping this gives up the attempts that are still under way.
    let mut attempts = JoinSet::new();
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            done = attempts.join_next() => match done {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => failed = error,
                Some(Err(error)) => failed = error.into(),
                None => return Err(failed),
            },
            () = sleep(ATTEMPT_DELAY), if !waiting.is_empty() => {}
        }
    }
}

/// `addresses` with the two families in turn, the first one's family first (RFC 8305 §4).
fn in_turn(addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let family = |v6| addresses.iter().filter(move |address| address.is_ipv6() == v6);
    let (mut one, mut other) = (family(first_is_v6), family(!first_is_v6));
    let mut mixed = VecDeque::with_capacity(addresses.len());
    while mixed.len() < addresses.len() {
        mixed.extend(one.next());
        mixed.extend(other.next());
    }
    mixed
}

/// Sets what every connection needs. Messages leave at once, and a connection whose other side is gone
/// fails within about a minute, though nothing is sent. A socket that refuses a setting still serves.
pub(super) fn configure(stream: &TcpStream) {
    // Each message waits for an answer to it: none is to wait for another to fill a segment.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_keepalive(&keepalive);
    // While data waits for its acknowledgement there are no probes, and the data has this limit (RFC 5482).
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_RETRIES));
}
