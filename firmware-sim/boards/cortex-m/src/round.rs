//! One round of the network, of bounded work: between two rounds the clock can be looked at.

use smoltcp::iface::{Interface, PollIngressSingleResult, PollResult, SocketSet};
use smoltcp::phy::Device;
use smoltcp::time::Instant;

/// Most frames that a round takes. They may come faster than they are taken.
pub const FRAMES: usize = 8;

/// Takes up to [`FRAMES`] frames, and sends all that is to be sent.
///
/// `Interface::poll` takes frames until none is left, which never happens under a flood.
pub fn round(interface: &mut Interface, device: &mut impl Device, sockets: &mut SocketSet<'_>, now: Instant) {
    // No maintenance: without fragments and IPv6 there is none.
    for _ in 0..FRAMES {
        if interface.poll_ingress_single(now, device, sockets) == PollIngressSingleResult::None {
            break;
        }
    }
    // It ends: the sockets have only so much to send at this time, and nothing comes in.
    while interface.poll_egress(now, device, sockets) == PollResult::SocketStateChanged {}
}
