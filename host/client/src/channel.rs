//! The secure channel between two identities (protocol §5).

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use getrandom::SysRng;
use minipki_core::cert::{Anchor, Certificate, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::limits::FRAME;
use minipki_core::link::{Direction, LinkOver, Machine, Misuse, Observer};
use minipki_core::session::{self, Established, Initiator, Peer, Responder};
use minipki_core::time::Now;
use minipki_core::trust::{StatusPolicy, Validity};
use minipki_core::wire::Code;
use minipki_core::wire::channel::Payload;
use rand_core::UnwrapErr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::dial::dial;
use super::{ClientError, Deadlines, Expiry, Holder, Identity, Incoming, Outgoing};
use minipki_net::trace::{Tap, TapSource, Tapped};
use minipki_net::{NetError, drive};
use minipki_os::clock;
use minipki_provider::HostProvider;

/// The options for opening a channel.
#[derive(Clone, Default)]
pub struct ChannelOptions {
    /// The subject that the peer must be; `None` accepts any subject of our CA.
    pub peer: Option<IdBuf>,
    /// The rules about the revocation status of the peer's certificate.
    pub status_policy: StatusPolicy,
    /// The time limits.
    pub deadlines: Deadlines,
    /// The observer of the messages.
    pub tap: Option<Arc<dyn Tap>>,
    /// Makes one more observer for each channel.
    pub taps: Option<Arc<dyn TapSource>>,
    /// Whether the peer may hold our own key. Then this identity talks to itself.
    pub allow_own_key: bool,
}

/// An open channel to an authenticated peer. Its halves are independent: each may be moved to its own task.
#[derive(Debug)]
pub struct Channel<R = OwnedReadHalf, W = OwnedWriteHalf> {
    /// The authenticated peer.
    pub peer: Peer,
    /// The key that has signed the peer's certificate, and signs statements about it.
    pub peer_issuer: Anchor,
    /// The expiry of the certificate that expires first. The channel stays open after it, see
    /// [`chat::Limits`](super::chat::Limits).
    pub expiry: Expiry,
    /// The handshake hash: a value that identifies this channel at both ends (Noise §11.2).
    pub handshake_hash: [u8; 32],
    /// The receiving half.
    pub inbound: Incoming<R>,
    /// The sending half.
    pub outbound: Outgoing<W>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Channel<R, W> {
    /// Refuses the peer after a successful handshake, without encryption, and ends the connection. Call it before
    /// anything is sent: the peer accepts a refusal only in place of the first message (protocol §5).
    pub async fn refuse(self, code: Code) {
        self.outbound.refuse(self.inbound, code).await;
    }
}

/// A side of the handshake.
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

/// Opens a channel over an existing stream. `with` names the other side in errors.
///
/// # Errors
/// [`ClientError::Exchange`] with the failed check of either side; [`ClientError::OwnKey`] if the peer holds the key of
/// `identity` and the options do not allow it.
pub async fn open<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    role: Role,
    with: &str,
    reader: R,
    writer: W,
    identity: &Identity,
    options: &ChannelOptions,
) -> Result<Channel<R, W>, ClientError> {
    let own = Certificate::parse(identity.certificate())?.validity();
    let (now, peer) = (Now::Exact(clock::now()?), options.peer.as_ref().map(IdBuf::as_id));
    let local = identity.local(now, options.status_policy, peer);
    let own_tap = options.taps.as_ref().map(|taps| taps.connection(role == Role::Responder));
    let taps = options.tap.iter().cloned().chain(own_tap).collect();
    let mut rng = UnwrapErr(SysRng);
    let opened = match role {
        Role::Initiator => {
            let machine = Initiator::new(local, &mut rng);
            handshake(machine, Initiator::established, reader, writer, own, options.deadlines, taps).await
        }
        Role::Responder => {
            let machine = Responder::new(local, &mut rng);
            handshake(machine, Responder::established, reader, writer, own, options.deadlines, taps).await
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
    deadlines: Deadlines,
    taps: Vec<Arc<dyn Tap>>,
) -> Result<Channel<R, W>, NetError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    M: Machine<Event = Infallible, Error = session::Error>,
{
    let seen = Arc::new(PeerPayload { taps, text: Mutex::new(Some(Vec::new())) });
    let tapped = Tapped(Some(seen.clone()));
    let mut link: LinkOver<Vec<u8>, M, Tapped> =
        LinkOver::observed(machine, vec![0; FRAME], vec![0; FRAME], tapped);
    let driven = drive(&mut link, &mut reader, &mut writer, Some(deadlines.exchange)).await;
    if let Err(error) = driven {
        if matches!(&error, NetError::Session(error) if error.code().is_some()) {
            // The refusal is sent. Wait until the peer has read it.
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
    let peer_issuer = seen.take_issuer()?;
    let (ours, theirs) = (own.not_after(), peer.validity().not_after());
    let holder = if ours <= theirs { Holder::Own } else { Holder::Peer };
    Ok(Channel {
        expiry: Expiry { holder, not_after: ours.min(theirs) },
        inbound: Incoming::new(inbound, reader, peer.subject_id()),
        outbound: Outgoing::new(outbound, writer, peer.subject_id(), deadlines.send),
        peer,
        peer_issuer,
        handshake_hash,
    })
}

/// An observer that keeps the payload of the peer's handshake message.
struct PeerPayload {
    taps: Vec<Arc<dyn Tap>>,
    /// The payload; `None` after the handshake.
    text: Mutex<Option<Vec<u8>>>,
}

impl PeerPayload {
    /// Ends the observation. Returns the issuer of the certificate in the payload, which the handshake has verified.
    fn take_issuer(&self) -> Result<Anchor, session::Error> {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let certificate = Certificate::parse(Payload::decode(&text)?.certificate)?;
        Ok(Anchor::from_key(Portable::new(), certificate.issuer_id(), certificate.issuer_key()?))
    }
}

impl Observer for PeerPayload {
    fn frame(&self, direction: Direction, body: &[u8]) {
        self.taps.iter().for_each(|tap| tap.frame(direction, body));
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        if direction == Direction::Received
            && let Some(kept) = &mut *self.text.lock().unwrap_or_else(PoisonError::into_inner)
        {
            *kept = text.to_vec();
        }
        self.taps.iter().for_each(|tap| tap.plaintext(direction, text));
    }
}
