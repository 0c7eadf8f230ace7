//! The secure channel between two identities (protocol §5): the handshake, and what it opens.

use std::convert::Infallible;
use std::sync::Arc;

use getrandom::SysRng;
use minipki_core::cert::{Certificate, IdBuf};
use minipki_core::limits::FRAME;
use minipki_core::link::{LinkOver, Machine, Misuse};
use minipki_core::session::{self, Established, Initiator, Peer, Responder};
use minipki_core::time::Now;
use minipki_core::trust::Validity;
use minipki_core::wire::Code;
use rand_core::UnwrapErr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::dial::dial;
use super::{ClientError, Deadlines, Expiry, Holder, Identity, Incoming, Outgoing};
use minipki_net::trace::{Tap, Tapped};
use minipki_net::{NetError, drive};
use minipki_os::clock;
use minipki_provider::HostProvider;

/// How a channel is opened.
#[derive(Clone, Default)]
pub struct ChannelOptions {
    /// The subject that the peer must be; `None` takes any subject of our CA.
    pub peer: Option<IdBuf>,
    /// How long the peer may take, up to the end of the handshake.
    pub deadlines: Deadlines,
    /// Who watches the messages.
    pub tap: Option<Arc<dyn Tap>>,
    /// Whether the peer may hold our own key: then this identity talks to itself.
    pub allow_own_key: bool,
}

/// An open channel to an authenticated peer. Its halves are independent: each
/// may be given to a task of its own.
#[derive(Debug)]
pub struct Channel<R = OwnedReadHalf, W = OwnedWriteHalf> {
    /// Who is at the other end.
    pub peer: Peer,
    /// When the first of the two certificates expires. The channel itself goes on after that: see
    /// [`chat::Limits`](super::chat::Limits).
    pub expiry: Expiry,
    /// A name for this channel that only its two ends have (Noise §11.2).
    pub handshake_hash: [u8; 32],
    /// What comes from the peer.
    pub inbound: Incoming<R>,
    /// What goes to the peer.
    pub outbound: Outgoing<W>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Channel<R, W> {
    /// Refuses the peer in clear, though the handshake was good, and ends the connection. Only before
    /// anything is sent: the peer takes a refusal in the place of the first message (protocol §5).
    pub async fn refuse(self, code: Code) {
        self.outbound.refuse(self.inbound, code).await;
    }
}

/// Which side of the handshake to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The side that connects.
    Initiator,
    /// The side that listens.
    Responder,
}

/// Connects to the peer at `address`, `host:port`, and opens a channel to it.
///
/// # Errors
/// [`ClientError`].
pub async fn connect(
    address: &str,
    identity: &Identity,
    options: &ChannelOptions,
) -> Result<Channel, ClientError> {
    let (reader, writer) = dial(address, options.deadlines).await?.into_split();
    open(Role::Initiator, address, reader, writer, identity, options).await
}

/// Opens a channel over a stream that is there already. `with` names the other side in errors.
///
/// # Errors
/// [`ClientError::Exchange`] with the check that failed, on either side; [`ClientError::OwnKey`] if the
/// peer holds the key of `identity`, unless the options allow it.
pub async fn open<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    role: Role,
    with: &str,
    reader: R,
    writer: W,
    identity: &Identity,
    options: &ChannelOptions,
) -> Result<Channel<R, W>, ClientError> {
    let own = Certificate::parse(identity.certificate())?.validity();
    let local = identity.local(Now::Exact(clock::now()?), options.peer.as_ref().map(IdBuf::as_id));
    let mut rng = UnwrapErr(SysRng);
    let opened = match role {
        Role::Initiator => {
            let machine = Initiator::new(local, &mut rng);
            handshake(machine, Initiator::established, reader, writer, own, options).await
        }
        Role::Responder => {
            let machine = Responder::new(local, &mut rng);
            handshake(machine, Responder::established, reader, writer, own, options).await
        }
    };
    let channel = opened.map_err(|source| ClientError::exchange(with, source))?;
    if channel.peer.key() == identity.key().public() && !options.allow_own_key {
        channel.refuse(Code::CertificateRefused).await;
        return Err(ClientError::OwnKey { with: with.to_owned() });
    }
    Ok(channel)
}

async fn handshake<R, W, M>(
    machine: M,
    established: impl FnOnce(M) -> Option<Established<HostProvider>>,
    mut reader: R,
    mut writer: W,
    own: Validity,
    options: &ChannelOptions,
) -> Result<Channel<R, W>, NetError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    M: Machine<Event = Infallible, Error = session::Error>,
{
    let tapped = Tapped(options.tap.clone());
    let mut link: LinkOver<Vec<u8>, M, Tapped> =
        LinkOver::observed(machine, vec![0; FRAME], vec![0; FRAME], tapped);
    let driven = drive(&mut link, &mut reader, &mut writer, Some(options.deadlines.exchange)).await;
    if let Err(error) = driven {
        if matches!(&error, NetError::Session(error) if error.code().is_some()) {
            // The refusal is sent; now it has to be heard.
            minipki_net::close(&mut reader, &mut writer, &[]).await;
        }
        return Err(error);
    }
    let halves = link.split(|machine| {
        let open = established(machine)?;
        Some((open.inbound, open.outbound, (open.peer, open.handshake_hash)))
    });
    let (inbound, outbound, (peer, handshake_hash)) =
        halves.ok_or(session::Error::from(Misuse::OutOfTurn))?;
    let (ours, theirs) = (own.not_after(), peer.validity().not_after());
    let holder = if ours <= theirs { Holder::Own } else { Holder::Peer };
    Ok(Channel {
        expiry: Expiry { holder, not_after: ours.min(theirs) },
        inbound: Incoming::new(inbound, reader, peer.subject_id()),
        outbound: Outgoing::new(outbound, writer, peer.subject_id(), options.deadlines.send),
        peer,
        handshake_hash,
    })
}
