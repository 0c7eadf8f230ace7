//! The listening side: runs many handshakes at the same time, and returns each channel when it is open.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::{AbortHandle, JoinSet};

use super::dial::configure;
use super::{Channel, ChannelOptions, ClientError, CurrentIdentity, Identity, Role, open};
use minipki_net::{ACCEPT_BACKOFF, LogLimit};

/// The maximum number of handshakes at the same time. One more replaces the oldest. A normal handshake takes
/// milliseconds, so the oldest one has a silent peer.
const HANDSHAKES: usize = 64;

/// Waits for peers. Handshakes run at the same time, each with its deadline, so a silent peer delays no other.
pub struct Listener {
    socket: TcpListener,
    identity: CurrentIdentity,
    options: Arc<ChannelOptions>,
    handshakes: JoinSet<Result<Channel, ClientError>>,
    /// The handshakes that have not ended, oldest first.
    under_way: VecDeque<AbortHandle>,
    /// Limits how often a failed accept is reported.
    failures: LogLimit<IpAddr>,
}

impl Listener {
    /// Listens at `address`. With port 0 the operating system chooses a free port.
    ///
    /// # Errors
    /// An error of the operating system.
    pub async fn bind(
        address: impl ToSocketAddrs,
        identity: Identity,
        options: ChannelOptions,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let (identity, options) = (CurrentIdentity::new(identity), Arc::new(options));
        Ok(Self {
            socket,
            identity,
            options,
            handshakes: JoinSet::new(),
            under_way: VecDeque::new(),
            failures: LogLimit::new(1),
        })
    }

    /// The identity that the listener shows. It can be exchanged at any time.
    pub fn identity(&self) -> CurrentIdentity {
        self.identity.clone()
    }

    /// The address of the listening socket.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Returns the channel of the next peer whose handshake has succeeded. Cancel-safe.
    ///
    /// Connections are accepted only during a call.
    ///
    /// # Errors
    /// A failed handshake, or a failed accept; the latter is reported once in a few seconds at most. The listener can
    /// be used further.
    pub async fn accept(&mut self) -> Result<Channel, ClientError> {
        loop {
            tokio::select! {
                // Finished handshakes come first, so that their number stays bounded.
                biased;
                Some(done) = self.handshakes.join_next() => match done {
                    Ok(result) => return result,
                    // It was aborted, or it has panicked and the panic was reported.
                    Err(_) => continue,
                },
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, from)) => self.start_handshake(stream, from),
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

    fn start_handshake(&mut self, stream: TcpStream, from: SocketAddr) {
        self.under_way.retain(|handshake| !handshake.is_finished());
        if self.under_way.len() >= HANDSHAKES
            && let Some(oldest) = self.under_way.pop_front()
        {
            oldest.abort();
        }
        let (identity, options) = (self.identity.get(), Arc::clone(&self.options));
        let handshake = self.handshakes.spawn(async move {
            configure(&stream);
            let (reader, writer) = stream.into_split();
            open(Role::Responder, &from.to_string(), reader, writer, &identity, &options).await
        });
        self.under_way.push_back(handshake);
    }
}
