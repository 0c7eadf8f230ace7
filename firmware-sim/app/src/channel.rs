//! The channel to a peer: the handshake of either side, up to a verified peer (protocol §5).

use core::convert::Infallible;
use core::time::Duration;

use minipki_core::cert;
use minipki_core::drive::{DriveError, drive};
use minipki_core::link::{Link, Machine};
use minipki_core::session::{
    self, Established, Inbound, Initiator, LocalIdentity, Outbound, Peer, Responder,
};

use crate::board::{Board, Stream};
use crate::config::Config;
use crate::exit::Exit;

/// A handshake at a listening device has a quarter of the deadline, so that a silent connection leaves time for others.
const HANDSHAKES: u32 = 4;

/// An open channel. Its peer is verified.
pub(crate) struct Channel<'m, B: Board> {
    pub(crate) peer: Peer,
    pub(crate) stream: B::Stream,
    pub(crate) inbound: Link<'m, Inbound<B::Crypto>>,
    pub(crate) outbound: Link<'m, Outbound<B::Crypto>>,
}

/// The two frame buffers.
pub(crate) type Buffers<'m> = (&'m mut [u8], &'m mut [u8]);

/// Connects to the peer at `to`, and makes the handshake as the initiator.
///
/// # Errors
/// The reason why there is no channel. If this device refused a message, the peer has got a refusal.
#[inline(never)] // So that the stack has room for the machine of one side only.
pub(crate) fn connect<'m, B: Board>(
    to: B::Address,
    config: &Config<'_, B::Address>,
    local: LocalIdentity<'_, B::Crypto>,
    buffers: Buffers<'m>,
    board: &mut B,
) -> Result<Channel<'m, B>, Exit> {
    board.report(format_args!("connecting to {to}"));
    let machine = Initiator::new(local, board.entropy());
    let stream = board.connect(to, config.deadline).map_err(Exit::peer_not_connected)?;
    handshake(machine, Initiator::established, stream, buffers, config.deadline, board)
}

/// Waits for the next connection, and makes the handshake as the responder.
///
/// # Errors
/// The reason why there is no connection, for example the deadline. `Ok(Err(_))` is the reason why this connection
/// opened no channel; other connections may follow.
#[inline(never)] // As above.
pub(crate) fn accept<'m, B: Board>(
    config: &Config<'_, B::Address>,
    local: LocalIdentity<'_, B::Crypto>,
    buffers: Buffers<'m>,
    board: &mut B,
) -> Result<Result<Channel<'m, B>, Exit>, Exit> {
    let machine = Responder::new(local, board.entropy());
    let stream = board.accept().map_err(Exit::not_accepted)?;
    Ok(handshake(machine, Responder::established, stream, buffers, config.deadline / HANDSHAKES, board))
}

#[inline] // Into its two callers: otherwise the machine would be on the stack twice.
fn handshake<'m, B: Board, M: Machine<Event = Infallible, Error = session::Error>>(
    machine: M,
    established: impl FnOnce(M) -> Option<Established<B::Crypto>>,
    mut stream: B::Stream,
    (rx, tx): Buffers<'m>,
    within: Duration,
    board: &mut B,
) -> Result<Channel<'m, B>, Exit> {
    stream.set_deadline(within);
    let mut link = Link::new(machine, rx, tx);
    if let Err(error) = drive(&mut link, &mut stream) {
        stream.close();
        return Err(refused(error, board));
    }
    let halves = link.split(|machine| {
        let open = established(machine)?;
        Some((open.inbound, open.outbound, open.peer))
    });
    let (inbound, outbound, peer) = halves.ok_or(Exit::Internal)?;
    Ok(Channel { peer, stream, inbound, outbound })
}

/// Returns the exit reason for an error at the peer. Reports the peer's refusal, and the reason why its status is refused.
pub(crate) fn refused<B: Board>(error: DriveError<impl embedded_io::Error>, board: &mut B) -> Exit {
    match error {
        DriveError::Session(session::Error::Refused(code)) => {
            board.report(format_args!("the peer refused ({code}): {}", code.text()));
        }
        DriveError::Session(session::Error::InvalidCertificate(cert::Error::Status(reason))) => {
            board.report(format_args!("revocation: {reason}"));
        }
        _ => {}
    }
    Exit::at_peer(error)
}
