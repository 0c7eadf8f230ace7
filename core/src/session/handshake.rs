//! The handshake between two peers (protocol §5, Noise XX): the machines of both sides, and the authenticated peer.

use core::convert::Infallible;
use core::mem;
use core::ops::Range;

use rand_core::CryptoRng;

use super::Error;
use super::channel::{Inbound, Outbound};
use crate::cert::{self, Anchor, Certificate, Id, IdBuf};
use crate::crypto::{KeyPair, Portable, Provider, x25519};
use crate::limits::KEY;
use crate::link::{Machine, Misuse, Next};
use crate::noise::{
    self, ExpectMessage1, ExpectMessage2, ExpectMessage3, SendMessage1, SendMessage2, SendMessage3, Transport,
};
use crate::time::Now;
use crate::trust::{RevocationCheck, RevocationStatus, Serial, StatusPolicy, Validity};
use crate::wire::channel::{self, PROLOGUE, Step};
use crate::wire::{Refusal, WireError};

/// This side of a channel.
#[derive(Clone, Copy)]
pub struct LocalIdentity<'a, P: Provider = Portable> {
    /// The certified X25519 key.
    pub key: &'a KeyPair<P>,
    /// The payload that shows the key's certificate to the peer: its canonical text, alone or with its status
    /// ([`channel::Payload`]).
    pub credentials: &'a [u8],
    /// The CA that must have issued the peer's certificate.
    pub anchor: &'a Anchor<P::Sizes>,
    /// The time at which the peer's certificate must be valid.
    pub now: Now,
    /// The rules about the revocation status of the peer's certificate.
    pub status_policy: StatusPolicy,
    /// The subject that the peer must be; `None` accepts any subject of that CA.
    pub peer: Option<Id<'a>>,
}

/// An authenticated peer. Only a finished handshake makes one: its certificate
/// verifies under our anchor, at our time, and names the key that Noise authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    subject_id: IdBuf,
    key: x25519::PublicKey,
    serial_number: Serial,
    validity: Validity,
    time_certain: bool,
    revocation: RevocationStatus,
}

impl Peer {
    /// The subject of the peer's certificate.
    pub fn subject_id(&self) -> Id<'_> {
        self.subject_id.as_id()
    }

    /// The peer's X25519 public key.
    pub const fn key(&self) -> &x25519::PublicKey {
        &self.key
    }

    /// The serial number of the peer's certificate.
    pub const fn serial_number(&self) -> Serial {
        self.serial_number
    }

    /// The validity of the peer's certificate.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Returns `false` if only a lower bound of the time was known, so that the certificate may not be valid now.
    pub const fn time_certain(&self) -> bool {
        self.time_certain
    }

    /// The knowledge about the revocation of the peer's certificate.
    pub const fn revocation(&self) -> RevocationStatus {
        self.revocation
    }
}

impl<P: Provider> LocalIdentity<'_, P> {
    /// Verifies the certificate in `payload`, and its status. The certificate must name the static key that Noise has
    /// authenticated.
    pub(super) fn bind(&self, payload: &[u8], noise_key: &[u8; KEY]) -> Result<Peer, Error> {
        let channel::Payload { certificate, status } = channel::Payload::decode(payload)?;
        let certificate = Certificate::parse(certificate)?;
        let revocation = RevocationCheck::Status { status, policy: self.status_policy };
        let mut verified =
            cert::verify(self.key.provider(), self.anchor, &certificate, self.now, revocation)?;
        if certificate.subject_key().as_bytes() != noise_key {
            return Err(cert::Error::SubjectKeyMismatch.into());
        }
        if let Some(wanted) = self.peer {
            verified = verified.require_subject(wanted)?;
        }
        Ok(Peer {
            subject_id: certificate.subject_id().into(),
            key: *certificate.subject_key(),
            serial_number: certificate.serial_number(),
            validity: certificate.validity(),
            time_certain: verified.time_certain(),
            revocation: verified.revocation(),
        })
    }
}

/// A finished handshake: the peer, and the two halves of the channel to it.
pub struct Established<P: Provider> {
    /// The authenticated peer.
    pub peer: Peer,
    /// Noise's handshake hash: the same on both sides, unique to this channel (Noise §11.2).
    pub handshake_hash: [u8; 32],
    /// The half that receives.
    pub inbound: Inbound<P>,
    /// The half that sends.
    pub outbound: Outbound<P>,
}

impl<P: Provider> Established<P> {
    pub(super) fn new(peer: Peer, transport: Transport<P>) -> Self {
        let handshake_hash = *transport.handshake_hash();
        let (sealer, opener) = transport.split();
        Self { peer, handshake_hash, inbound: Inbound::new(opener), outbound: Outbound::new(sealer) }
    }
}

/// The machine of the side that connects.
pub struct Initiator<'a, P: Provider> {
    local: LocalIdentity<'a, P>,
    state: InitiatorState<P>,
    shown: Shown,
}

enum InitiatorState<P: Provider> {
    SendMessage1(SendMessage1<P>),
    ExpectMessage2(ExpectMessage2<P>),
    SendMessage3(SendMessage3<P>, Peer),
    Established(Transport<P>, Peer),
    Failed,
}

impl<'a, P: Provider> Initiator<'a, P> {
    /// Prepares message 1; its ephemeral key is drawn from `rng`.
    pub fn new(local: LocalIdentity<'a, P>, rng: &mut impl CryptoRng) -> Self {
        let noise =
            SendMessage1::new(PROLOGUE, local.key.clone(), KeyPair::generate(local.key.provider(), rng));
        Self { local, state: InitiatorState::SendMessage1(noise), shown: Shown::Nothing }
    }

    /// The open channel, or `None` unless the handshake has succeeded.
    pub fn established(self) -> Option<Established<P>> {
        match self.state {
            InitiatorState::Established(transport, peer) => Some(Established::new(peer, transport)),
            _ => None,
        }
    }
}

impl<P: Provider> Machine for Initiator<'_, P> {
    type Event = Infallible;
    type Error = Error;

    fn next(&self) -> Next {
        match self.state {
            InitiatorState::SendMessage1(_) | InitiatorState::SendMessage3(..) => Next::Write,
            InitiatorState::ExpectMessage2(_) => Next::Read,
            InitiatorState::Established(..) | InitiatorState::Failed => Next::Done,
        }
    }

    fn write(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        match mem::replace(&mut self.state, InitiatorState::Failed) {
            InitiatorState::SendMessage1(noise) => channel::encode(Step::One, out, |out| {
                let (noise, len) = noise.write(&[], out)?;
                self.state = InitiatorState::ExpectMessage2(noise);
                Ok(len)
            }),
            InitiatorState::SendMessage3(noise, peer) => channel::encode(Step::Three, out, |out| {
                let (transport, len) = noise.write(self.local.credentials, out)?;
                self.shown = Shown::Own;
                self.state = InitiatorState::Established(transport, peer);
                Ok(len)
            }),
            _ => Err(Misuse::OutOfTurn.into()),
        }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<Infallible>, Error> {
        self.shown = Shown::Nothing;
        let InitiatorState::ExpectMessage2(noise) = mem::replace(&mut self.state, InitiatorState::Failed)
        else {
            return Err(Misuse::OutOfTurn.into());
        };
        let (noise, payload) = read_message(Step::Two, body, |message| noise.read(message))?;
        self.shown = Shown::Peers(payload.clone());
        let peer = self.local.bind(body.get(payload).unwrap_or_default(), noise.remote_static())?;
        self.state = InitiatorState::SendMessage3(noise, peer);
        Ok(None)
    }

    fn write_refusal(&mut self, error: &Error, out: &mut [u8]) -> Option<usize> {
        Refusal::from(error.code()?).encode(out).ok()
    }

    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        self.shown.text(self.local.credentials, body)
    }
}

/// The machine of the side that listens.
pub struct Responder<'a, P: Provider> {
    local: LocalIdentity<'a, P>,
    state: ResponderState<P>,
    shown: Shown,
}

enum ResponderState<P: Provider> {
    ExpectMessage1(ExpectMessage1<P>),
    SendMessage2(SendMessage2<P>),
    ExpectMessage3(ExpectMessage3<P>),
    Established(Transport<P>, Peer),
    Failed,
}

impl<'a, P: Provider> Responder<'a, P> {
    /// Expects message 1; the ephemeral key for message 2 is drawn from `rng`.
    pub fn new(local: LocalIdentity<'a, P>, rng: &mut impl CryptoRng) -> Self {
        let noise =
            ExpectMessage1::new(PROLOGUE, local.key.clone(), KeyPair::generate(local.key.provider(), rng));
        Self { local, state: ResponderState::ExpectMessage1(noise), shown: Shown::Nothing }
    }

    /// The open channel, or `None` unless the handshake has succeeded.
    pub fn established(self) -> Option<Established<P>> {
        match self.state {
            ResponderState::Established(transport, peer) => Some(Established::new(peer, transport)),
            _ => None,
        }
    }
}

impl<P: Provider> Machine for Responder<'_, P> {
    type Event = Infallible;
    type Error = Error;

    fn next(&self) -> Next {
        match self.state {
            ResponderState::SendMessage2(_) => Next::Write,
            ResponderState::ExpectMessage1(_) | ResponderState::ExpectMessage3(_) => Next::Read,
            ResponderState::Established(..) | ResponderState::Failed => Next::Done,
        }
    }

    fn write(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let ResponderState::SendMessage2(noise) = mem::replace(&mut self.state, ResponderState::Failed)
        else {
            return Err(Misuse::OutOfTurn.into());
        };
        channel::encode(Step::Two, out, |out| {
            let (noise, len) = noise.write(self.local.credentials, out)?;
            self.state = ResponderState::ExpectMessage3(noise);
            self.shown = Shown::Own;
            Ok(len)
        })
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<Infallible>, Error> {
        self.shown = Shown::Nothing;
        self.state = match mem::replace(&mut self.state, ResponderState::Failed) {
            ResponderState::ExpectMessage1(noise) => {
                let (noise, payload) = read_message(Step::One, body, |message| noise.read(message))?;
                // Message 1 is in clear: anything in it would be unauthenticated.
                if !payload.is_empty() {
                    return Err(WireError::Field("noise_b64").into());
                }
                ResponderState::SendMessage2(noise)
            }
            ResponderState::ExpectMessage3(noise) => {
                let (transport, payload) = read_message(Step::Three, body, |message| noise.read(message))?;
                self.shown = Shown::Peers(payload.clone());
                let payload = body.get(payload).unwrap_or_default();
                let peer = self.local.bind(payload, transport.remote_static())?;
                ResponderState::Established(transport, peer)
            }
            _ => return Err(Misuse::OutOfTurn.into()),
        };
        Ok(None)
    }

    fn write_refusal(&mut self, error: &Error, out: &mut [u8]) -> Option<usize> {
        Refusal::from(error.code()?).encode(out).ok()
    }

    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        self.shown.text(self.local.credentials, body)
    }
}

/// Reads the message in `body` with `noise`, unless the peer sent a refusal instead. Returns the result of `noise`, and
/// the range of the payload in `body`.
fn read_message<T>(
    step: Step,
    body: &mut [u8],
    noise: impl FnOnce(&mut [u8]) -> Result<(T, Range<usize>), noise::Error>,
) -> Result<(T, Range<usize>), Error> {
    let message = channel::decode(step, body).or_else(|error| {
        expect_no_refusal(body)?;
        Err(Error::from(error))
    })?;
    let start = message.start;
    let (next, payload) = noise(body.get_mut(message).ok_or(WireError::Field("noise_b64"))?)?;
    Ok((next, start.saturating_add(payload.start)..start.saturating_add(payload.end)))
}

/// Fails with the peer's refusal if `body` is one.
///
/// A refusal in clear is not authenticated. But it only ends the connection, and its sender could also cut it.
pub(super) fn expect_no_refusal(body: &[u8]) -> Result<(), Error> {
    match Refusal::decode(body) {
        Ok(refusal) => Err(Error::Refused(refusal.code)),
        Err(_) => Ok(()),
    }
}

/// The payload of the last message, for an observer.
enum Shown {
    Nothing,
    /// This side's credentials.
    Own,
    /// The peer's credentials, at this range of the body that was read last.
    Peers(Range<usize>),
}

impl Shown {
    /// The text of the payload.
    fn text<'m>(&self, own: &'m [u8], body: &'m [u8]) -> Option<&'m [u8]> {
        match self {
            Self::Nothing => None,
            Self::Own => Some(own),
            Self::Peers(range) => body.get(range.clone()),
        }
    }
}
