//! The listening side: handshakes with many at once, each channel handed over when it is open.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::{AbortHandle, JoinSet};

use super::dial::configure;
use super::{Channel, ChannelOptions, ClientError, Identity, Role, open};

/// Handshakes at the same time. One more takes the place of the oldest: an honest one is over in
/// milliseconds, so what has to go is a peer that is silent.
const HANDSHAKES: usize = 64;

/// A pause after the operating system gave no connection, as when all descriptors are in use.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for peers. Handshakes run side by side, each within its deadline, so
/// one that is silent keeps nobody waiting.
pub struct Listener {
    socket: TcpListener,
    identity: Arc<Identity>,
    options: Arc<ChannelOptions>,
    handshakes: JoinSet<Result<Channel, ClientError>>,
    /// Those of them that are not over, oldest first.
    under_way: VecDeque<AbortHandle>,
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
        Ok(Self { socket, identity, options, handshakes: JoinSet::new(), under_way: VecDeque::new() })
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
    /// A connection or handshake that failed. The listener goes on: call again.
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
                        tokio::time::sleep(PAUSE).await;
                        return Err(ClientError::Local { what: "a connection could not be taken", source });
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
