//! Two devices with certificates of one CA open a channel over any byte stream: one connects, the other accepts.
#![no_std]

use embedded_io::{Read, Write};
use minipki_core::crypto::Portable;
use minipki_core::drive::{DriveError, drive};
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Machine, Misuse};
use minipki_core::session::{
    self, Established, Inbound, Initiator, LocalIdentity, Outbound, Peer, Received, Responder,
};
use rand_core::CryptoRng;

/// Two frames: static memory in a firmware.
pub type Buffers = [[u8; FRAME]; 2];

/// An open channel. Only a handshake with a verified peer makes one.
pub struct Channel<'b> {
    /// The peer: its name, its key and the validity of its certificate.
    pub peer: Peer,
    inbound: Link<'b, Inbound<Portable>>,
    outbound: Link<'b, Outbound<Portable>>,
}

/// Opens a channel as the side that has connected.
pub fn initiate<'b, S: Read + Write>(
    stream: &mut S,
    local: LocalIdentity<'_>,
    rng: &mut impl CryptoRng,
    buffers: &'b mut Buffers,
) -> Result<Channel<'b>, DriveError<S::Error>> {
    open(Initiator::new(local, rng), Initiator::established, stream, buffers)
}

/// Opens a channel as the side that has accepted the connection.
pub fn respond<'b, S: Read + Write>(
    stream: &mut S,
    local: LocalIdentity<'_>,
    rng: &mut impl CryptoRng,
    buffers: &'b mut Buffers,
) -> Result<Channel<'b>, DriveError<S::Error>> {
    open(Responder::new(local, rng), Responder::established, stream, buffers)
}

fn open<'b, M: Machine<Error = session::Error>, S: Read + Write>(
    handshake: M,
    established: impl FnOnce(M) -> Option<Established<Portable>>,
    stream: &mut S,
    [rx, tx]: &'b mut Buffers,
) -> Result<Channel<'b>, DriveError<S::Error>> {
    let mut link = Link::new(handshake, rx, tx);
    drive(&mut link, stream)?;
    // Each half of the channel gets a buffer, with the bytes in it.
    let halves = link.split(|handshake| {
        let open = established(handshake)?;
        Some((open.inbound, open.outbound, open.peer))
    });
    let (inbound, outbound, peer) = halves.ok_or(session::Error::from(Misuse::OutOfTurn))?;
    Ok(Channel { peer, inbound, outbound })
}

impl Channel<'_> {
    /// Sends a message of 1 to 5104 bytes.
    pub fn send<S: Read + Write>(&mut self, stream: &mut S, text: &[u8]) -> Result<(), DriveError<S::Error>> {
        self.outbound.send(|outbound, out| outbound.seal(text, out))?;
        drive(&mut self.outbound, stream).map(drop)
    }

    /// Waits for the next message. `None`: the peer has closed its direction, and sends no more.
    pub fn receive<S: Read + Write>(
        &mut self,
        stream: &mut S,
    ) -> Result<Option<&[u8]>, DriveError<S::Error>> {
        drive(&mut self.inbound, stream)?;
        match self.inbound.event() {
            Some(Received::Message(range)) => Ok(self.inbound.body().get(range)),
            Some(Received::Closed) => Ok(None),
            // The channel was closed or has failed earlier.
            None => Err(session::Error::from(Misuse::OutOfTurn).into()),
        }
    }

    /// Closes our direction. A peer that reads the end of the stream before this message sees an error.
    pub fn close<S: Read + Write>(&mut self, stream: &mut S) -> Result<(), DriveError<S::Error>> {
        self.outbound.send(Outbound::close)?;
        drive(&mut self.outbound, stream).map(drop)
    }
}
