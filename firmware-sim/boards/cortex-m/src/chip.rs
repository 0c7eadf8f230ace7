//! The data of a chip, and its Ethernet controller.

use crate::memory::Region;

/// A chip with Ethernet. The crate of a new chip has this value and its `memory.x`.
pub struct Chip {
    /// The system clock after a reset, in hertz.
    pub hertz: u32,
    /// The flash, the RAM and the devices in use. An access outside of them faults.
    pub memory: [Region; 3],
    /// The Ethernet controller.
    pub mac: &'static dyn Mac,
}

/// The only Ethernet controller of a chip. No other code uses it.
pub trait Mac: Sync {
    /// The number of the interrupt.
    fn interrupt(&self) -> u16;

    /// Starts the controller, with an interrupt for each received frame, and returns its address.
    fn start(&self) -> [u8; 6];

    /// Clears the interrupt. Waiting frames stay.
    fn acknowledge(&self);

    /// Whether a frame waits for [`Mac::receive`].
    fn frames_wait(&self) -> bool;

    /// Takes the next frame, and returns its length without the check sum. A frame that is bad or does not fit `buffer`
    /// is dropped. Then the result is `None`, though other frames may wait.
    fn receive(&self, buffer: &mut [u8]) -> Option<usize>;

    /// Whether there is room for a frame of [`FRAME`](crate::ethernet::FRAME) bytes.
    fn can_transmit(&self) -> bool;

    /// Sends a frame, at least a header. The controller adds padding and check sum.
    fn transmit(&self, frame: &[u8]);
}
