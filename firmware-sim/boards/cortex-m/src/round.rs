//! One round of the network, with bounded work, so that the deadlines are checked between two rounds.

use smoltcp::iface::{Interface, PollIngressSingleResult, PollResult, SocketSet};
use smoltcp::phy::Device;
use smoltcp::time::Instant;

/// The greatest number of frames that a round takes. Frames may arrive faster than they are taken.
pub const FRAMES: usize = 8;

/// Takes up to [`FRAMES`] frames, and sends all waiting frames.
///
/// `Interface::poll` would take frames until no frame is left, which never happens under a flood.
pub fn round(interface: &mut Interface, device: &mut impl Device, sockets: &mut SocketSet<'_>, now: Instant) {
    // Without fragments and IPv6, no maintenance is needed.
    for _ in 0..FRAMES {
        if interface.poll_ingress_single(now, device, sockets) == PollIngressSingleResult::None {
            break;
        }
    }
    // The loop ends, since the sockets have a limited number of bytes to send, and no frame is taken.
    while interface.poll_egress(now, device, sockets) == PollResult::SocketStateChanged {}
}
