//! The Ethernet controller as smoltcp's network device.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::chip::Mac;

/// The longest frame, without its check sum: 576 bytes of IP, which every host accepts (RFC 791 §3.1).
///
/// TCP's MSS announces it to peers. Two buffers of this size take a third of the memory of 1500 bytes.
pub const FRAME: usize = 14 + 576;

/// The controller, and the buffers of one frame in each direction.
pub struct Ethernet {
    pub(crate) mac: &'static dyn Mac,
    received: [u8; FRAME],
    to_send: [u8; FRAME],
}

impl Ethernet {
    /// Empty buffers for a started controller.
    pub const fn new(mac: &'static dyn Mac) -> Self {
        Self { mac, received: [0; FRAME], to_send: [0; FRAME] }
    }
}

/// A received frame.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

/// Room for a frame to send.
pub struct ToSend<'a> {
    mac: &'static dyn Mac,
    frame: &'a mut [u8; FRAME],
}

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, ToSend<'_>)> {
        if !self.mac.can_transmit() {
            return None;
        }
        let length = self.mac.receive(&mut self.received)?;
        Some((Received(self.received.get(..length)?), ToSend { mac: self.mac, frame: &mut self.to_send }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<ToSend<'_>> {
        self.mac.can_transmit().then_some(ToSend { mac: self.mac, frame: &mut self.to_send })
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
        let frame = &mut self.frame[..length];
        let result = f(frame);
        self.mac.transmit(frame);
        result
    }
}
