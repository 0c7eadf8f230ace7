//! What differs from chip to chip: a few figures, and the Ethernet controller.

use crate::memory::Region;

/// A chip with its Ethernet: what a new one's crate has to bring, beside its `memory.x`.
pub struct Chip {
    /// The system clock that it starts with, in hertz.
    pub hertz: u32,
    /// Its flash, its RAM and the devices that are used; what is in none of them faults.
    pub memory: [Region; 3],
    /// Its Ethernet controller.
    pub mac: &'static dyn Mac,
}

/// An Ethernet controller. There is one, it is always there, and nobody else uses it.
pub trait Mac: Sync {
    /// The number of its interrupt.
    fn interrupt(&self) -> u16;

    /// Starts it, interrupting on each frame received, and returns its address.
    fn start(&self) -> [u8; 6];

    /// Forgets the frames that were announced, not those that wait.
    fn acknowledge(&self);

    /// Whether [`Mac::receive`] has something to take.
    fn frames_wait(&self) -> bool;

    /// Takes the next frame, and returns its length without the check sum. A bad frame, or one that does not fit into
    /// `buffer`, is dropped: the result is `None`, though others may wait.
    fn receive(&self, buffer: &mut [u8]) -> Option<usize>;

    /// Whether there is room for a frame of [`FRAME`](crate::ethernet::FRAME) bytes.
    fn can_transmit(&self) -> bool;

    /// Sends a frame of at least a header; padding and check sum are the controller's.
    fn transmit(&self, frame: &[u8]);
}
