//! The memory that a run works in, lent by the board: a static on a device.

use minipki_core::limits::{CERTIFICATE, FRAME, KEY};
use zeroize::Zeroize;

/// Bytes of [`Record::Identity`](crate::Record::Identity): a private key, its public key, and room for the
/// longest certificate.
pub const IDENTITY: usize = KEY + KEY + CERTIFICATE;

/// All buffers of a run: two frames and an identity, some 10 KB.
pub struct Memory {
    pub(crate) rx: [u8; FRAME],
    pub(crate) tx: [u8; FRAME],
    pub(crate) identity: [u8; IDENTITY],
}

impl Memory {
    /// All zeros, so that a static of it takes no flash.
    pub const fn new() -> Self {
        Self { rx: [0; FRAME], tx: [0; FRAME], identity: [0; IDENTITY] }
    }

    /// Leaves nothing of what passed through.
    pub(crate) fn wipe(&mut self) {
        self.rx.zeroize();
        self.tx.zeroize();
        self.identity.zeroize();
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}
