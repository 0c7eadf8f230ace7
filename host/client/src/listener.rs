//! The listening side: handshakes with many at once, each channel handed over when it is open.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::{AbortHandle, JoinSet};

use super::dial::configure;
use super::{Channel, ChannelOptions, ClientError, Identity, Role, open};
use minipki_net::{ACCEPT_BACKOFF, LogLimit};

/// Handshakes at the same time. One more takes the place of the oldest: an honest one is over in
/// milliseconds, so what has to go is a peer that is silent.
const HANDSHAKES: usize = 64;

/// Waits for peers. Handshakes run side by side, each within its deadline, so
/// one that is silent keeps nobody waiting.
pub struct Listener {
    socket: TcpListener,
    identity: Arc<Identity>,
    options: Arc<ChannelOptions>,
    handshakes: JoinSet<Result<Channel, ClientError>>,
    /// Those of them that are not over, oldest first.
    under_way: VecDeque<AbortHandle>,
    /// Bounds how often it is said that no connection could be taken.
    failures: LogLimit<IpAddr>,
}

impl Listener {
    /// Listens at `address`; port 0 takes any that is free.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn bind(
        address: impl ToSocketAddrs,
        identity: Identity,
        options: ChannelOptions,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let (identity, options) = (Arc::new(identity), Arc::new(options));
        Ok(Self {
            socket,
            identity,
            options,
            handshakes: JoinSet::new(),
            under_way: VecDeque::new(),
            failures: LogLimit::new(1),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The channel of the next peer whose handshake is done. May be dropped at any point, and called
    /// again: nothing is lost.
    ///
    /// Connections are taken only while this is waited for; until then new ones wait.
    ///
    /// # Errors
    /// A handshake that failed, or a connection that could not be taken; the latter is told every few seconds at
    /// most. The listener goes on: call again.
    pub async fn accept(&mut self) -> Result<Channel, ClientError> {
        loop {
            tokio::select! {
                // What is done comes first, so that no more of it piles up than there are handshakes.
                biased;
                Some(done) = self.handshakes.join_next() => match done {
                    Ok(result) => return result,
                    // It had to go, or has panicked and told so already.
                    Err(_) => continue,
                },
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, from)) => self.greet(stream, from),
                    Err(source) => {
                        tokio::time::sleep(ACCEPT_BACKOFF).await;
                        if self.failures.note("accept", None).is_some() {
                            return Err(ClientError::Local { what: "connections cannot be taken for now", source });
                        }
                    }
                },
            }
        }
    }

    fn greet(&mut self, stream: TcpStream, from: SocketAddr) {
        self.under_way.retain(|handshake| !handshake.is_finished());
        if self.under_way.len() >= HANDSHAKES
            && let Some(oldest) = self.under_way.pop_front()
        {
            oldest.abort();
        }
        let (identity, options) = (Arc::clone(&self.identity), Arc::clone(&self.options));
        let handshake = self.handshakes.spawn(async move {
            configure(&stream);
            let (reader, writer) = stream.into_split();
            open(Role::Responder, &from.to_string(), reader, writer, &identity, &options).await
        });
        self.under_way.push_back(handshake);
    }
}
