//! The controller as smoltcp's network device.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::mac;

/// Longest frame, without its check sum: 576 bytes of IP, which every host accepts (RFC 791 §3.1).
///
/// Peers learn it by TCP's MSS; two buffers of this size are a third of what 1500 bytes would take.
pub const FRAME: usize = 14 + 576;

/// A frame each way.
#[derive(Debug)]
pub struct Ethernet {
    received: [u8; FRAME],
    to_send: [u8; FRAME],
}

impl Ethernet {
    /// Empty buffers over a controller that is started.
    pub const fn new() -> Self {
        Self { received: [0; FRAME], to_send: [0; FRAME] }
    }
}

impl Default for Ethernet {
    fn default() -> Self {
        Self::new()
    }
}

/// A frame that was received.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

/// Room for a frame to send.
#[derive(Debug)]
pub struct ToSend<'a>(&'a mut [u8; FRAME]);

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, ToSend<'_>)> {
        if !mac::can_transmit() {
            return None;
        }
        let length = mac::receive(&mut self.received)?;
        Some((Received(self.received.get(..length)?), ToSend(&mut self.to_send)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<ToSend<'_>> {
        mac::can_transmit().then_some(ToSend(&mut self.to_send))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let frame = &mut self.0[..length];
        let result = f(frame);
        mac::transmit(frame);
        result
    }
}
