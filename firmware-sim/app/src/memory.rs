//! The memory of a run.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::limits::{FRAME, STATUS};
use minipki_core::wire::channel::Payload;
use zeroize::Zeroize;

use crate::board::IDENTITY;
use crate::channel::Buffers;
use crate::identity::{self, Place};

/// All buffers of a run: two frames, and an identity with its status; about 14 KB. The board lends them, on a device as a
/// static.
pub struct Memory {
    rx: [u8; FRAME],
    tx: [u8; FRAME],
    pub(crate) identity: Place,
}

impl Memory {
    /// All zeros, so that a static of it takes no flash.
    pub const fn new() -> Self {
        Self { rx: [0; FRAME], tx: [0; FRAME], identity: [0; size_of::<Place>()] }
    }

    /// The frame buffers, and the place of the certificate.
    pub(crate) fn parts(&mut self) -> (Buffers<'_>, &mut [u8]) {
        ((&mut self.rx, &mut self.tx), identity::certificate(&mut self.identity))
    }

    /// The frame buffers, and the record of the status.
    pub(crate) fn status_parts(&mut self) -> (Buffers<'_>, &mut [u8]) {
        let (_, rest) = self.identity.split_at_mut(IDENTITY);
        ((&mut self.rx, &mut self.tx), rest.split_at_mut(STATUS).0)
    }

    /// The record of the status.
    pub(crate) fn status(&mut self) -> &mut [u8] {
        self.status_parts().1
    }

    /// Replaces the certificate by the payload of a handshake, with the certificate and its status; returns its length.
    pub(crate) fn staple(&mut self, len: usize, status_len: usize) -> Result<usize, BufferTooSmall> {
        let (record, rest) = self.identity.split_at(IDENTITY);
        let certificate = record.get(identity::CERTIFICATE..).and_then(|text| text.get(..len));
        let certificate = certificate.ok_or(BufferTooSmall)?;
        let payload = Payload { certificate, status: rest.get(..status_len) }.encode(&mut self.tx)?;
        let place = identity::certificate(&mut self.identity).get_mut(..payload.len());
        place.ok_or(BufferTooSmall)?.copy_from_slice(payload);
        Ok(payload.len())
    }

    /// Wipes all buffers.
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
