//! Randomness from the host, since the emulated chip has no source.
//!
//! On silicon replace this file first: with the chip's TRNG, or with a DRBG that is seeded from a measured source.

use core::convert::Infallible;
use core::ffi::CStr;

use rand_core::{TryCryptoRng, TryRng};

use crate::failure;
use crate::semihosting::{File, Mode};

/// A file of the host as a source of randomness.
#[derive(Debug)]
pub struct HostEntropy(File);

impl HostEntropy {
    /// Opens the host's generator, or a file of fixed bytes for a run that is repeated exactly.
    pub fn open(name: &CStr) -> Option<Self> {
        File::open(name, Mode::Read).map(Self)
    }
}

impl TryRng for HostEntropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Stops the device when the source has no more bytes: a key that is not random is worse than no key.
    fn try_fill_bytes(&mut self, mut to: &mut [u8]) -> Result<(), Infallible> {
        while !to.is_empty() {
            let read = self.0.read(to);
            let Some(rest) = to.get_mut(read..).filter(|_| read > 0) else {
                failure::stop(failure::NO_ENTROPY, format_args!("the source of entropy is empty"));
            };
            to = rest;
        }
        Ok(())
    }
}

impl TryCryptoRng for HostEntropy {}
