//! TCP connections to a CA or a peer, with deadlines.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::ClientError;

/// The time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// The limit for connecting.
    pub connect: Duration,
    /// The limit for the whole enrolment or handshake after that.
    pub exchange: Duration,
    /// The limit for each message of an open channel, until the operating system has taken it. This takes long if the
    /// peer does not read.
    pub send: Duration,
}

impl Default for Deadlines {
    /// 10 seconds to connect, 30 seconds for an exchange and 30 seconds for a message. A busy CA signs a waiting
    /// request in less than 30 seconds.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            exchange: Duration::from_secs(30),
            send: Duration::from_secs(30),
        }
    }
}

/// The time after which the next address is tried, while earlier attempts continue (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A connection that has been idle for this long is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// The time between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// The number of probes without an answer after which the connection fails.
const KEEPALIVE_RETRIES: u32 = 3;

/// Connects to `address`, `host:port`. Tries all addresses of the host, see [`connect_any`].
pub(super) async fn dial(address: &str, deadlines: Deadlines) -> Result<TcpStream, ClientError> {
    let limit = deadlines.connect;
    let connecting = async { connect_any(&look_up(address).await?).await };
    let stream = timeout(limit, connecting)
        .await
        .map_err(|_| ClientError::ConnectDeadline { address: address.to_owned(), limit })?
        .map_err(|source| ClientError::Unreachable { address: address.to_owned(), source })?;
    configure(&stream);
    Ok(stream)
}

/// The addresses of `host:port`. An IPv6 address in brackets can have the name of an interface, as in `[fe80::1%eth0]`.
async fn look_up(address: &str) -> io::Result<Vec<SocketAddr>> {
    let bracketed = address.strip_prefix('[').and_then(|rest| rest.rsplit_once("]:"));
    Ok(match bracketed.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))) {
        Some(host_and_port) => lookup_host(host_and_port).await?.collect(),
        None => lookup_host(address).await?.collect(),
    })
}

/// Connects to the first of `addresses` that accepts the connection ("happy eyeballs", RFC 8305).
///
/// Tries the addresses in their order, with IPv6 and IPv4 in turn. The next attempt begins when one has failed, or
/// after 250 ms. So an address that never answers delays no other. The last attempt has no time limit.
///
/// # Errors
/// The error of the last failed attempt, or [`io::ErrorKind::NotFound`] without an address.
pub async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = in_turn(addresses);
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    // Dropping this cancels the attempts that have not ended.
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

/// `addresses` with the two families in turn, beginning with the family of the first address (RFC 8305 §4).
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

/// Sets the options of a connection. Messages are sent at once. A dead connection fails within about a minute, even
/// if nothing is sent. A socket that refuses an option is used without it.
pub(super) fn configure(stream: &TcpStream) {
    // Each message is answered, so a message must not wait until a segment is full (Nagle's algorithm).
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_keepalive(&keepalive);
    // No probes are sent while data waits for its acknowledgement. This is the limit for such data (RFC 5482).
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_RETRIES));
}
