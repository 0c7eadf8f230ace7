//! Who is at the other end: the certificate a peer showed, bound to the key Noise authenticated.

use super::Fault;
use super::channel_open::{Inbound, Outbound};
use crate::cert::{self, Anchor, Certificate, Id, IdBuf, Serial, Validity};
use crate::crypto::{KeyPair, Portable, Provider};
use crate::limits::KEY;
use crate::noise::Transport;
use crate::time::Now;

/// Our side of a channel.
#[derive(Clone, Copy)]
pub struct LocalIdentity<'a, P: Provider = Portable> {
    /// The certified X25519 key.
    pub key: &'a KeyPair<P>,
    /// Its certificate's canonical text.
    pub certificate: &'a [u8],
    /// The CA that the peer's certificate must come from.
    pub anchor: &'a Anchor,
    /// The time at which the peer's certificate must be valid.
    pub now: Now,
    /// The subject that the peer must be; `None` takes any subject of that CA.
    pub peer: Option<Id<'a>>,
}

/// An authenticated peer. Only a finished handshake makes one: its certificate
/// verifies under our anchor, at our time, and names the key that Noise authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    subject_id: IdBuf,
    key: [u8; KEY],
    serial_number: Serial,
    validity: Validity,
    time_certain: bool,
}

impl Peer {
    /// Who it is.
    pub fn subject_id(&self) -> Id<'_> {
        self.subject_id.as_id()
    }

    /// Its X25519 public key.
    pub const fn key(&self) -> &[u8; KEY] {
        &self.key
    }

    /// The serial number of the certificate it showed.
    pub const fn serial_number(&self) -> Serial {
        self.serial_number
    }

    /// The validity of that certificate.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// False if only a lower bound of the time was known, so that a certificate
    /// that has expired since could not be told from a valid one.
    pub const fn time_certain(&self) -> bool {
        self.time_certain
    }
}

impl<P: Provider> LocalIdentity<'_, P> {
    /// Binds the certificate in `payload` to the static key that Noise authenticated.
    pub(super) fn bind(&self, payload: &[u8], noise_key: &[u8; KEY]) -> Result<Peer, Fault> {
        let certificate = Certificate::parse(payload)?;
        let mut verified = cert::verify::<P>(self.anchor, &certificate, self.now)?.require_key(noise_key)?;
        if let Some(wanted) = self.peer {
            verified = verified.require_subject(wanted)?;
        }
        Ok(Peer {
            subject_id: certificate.subject_id().into(),
            key: *noise_key,
            serial_number: certificate.serial_number(),
            validity: certificate.validity(),
            time_certain: verified.time_certain(),
        })
    }
}

/// A finished handshake: the peer, and the two halves of the channel to it.
pub struct Established<P: Provider> {
    /// Who is at the other end.
    pub peer: Peer,
    /// Noise's handshake hash: the same on both sides, unique to this channel (Noise §11.2).
    pub handshake_hash: [u8; 32],
    /// What comes from the peer.
    pub inbound: Inbound<P>,
    /// What goes to the peer.
    pub outbound: Outbound<P>,
}

impl<P: Provider> Established<P> {
    pub(super) fn new(peer: Peer, transport: Transport<P>) -> Self {
        let handshake_hash = *transport.handshake_hash();
        let (sealer, opener) = transport.split();
        Self { peer, handshake_hash, inbound: Inbound::new(opener), outbound: Outbound::new(sealer) }
    }
}
