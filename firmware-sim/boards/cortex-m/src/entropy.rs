//! Randomness from the host: the emulator has none of its own, and neither has this chip.
//!
//! On silicon this is the file to replace first: by the chip's TRNG, or by a DRBG that a
//! measured source has seeded.

use core::convert::Infallible;
use core::ffi::CStr;

use rand_core::{TryCryptoRng, TryRng};

use crate::semihosting::{File, Mode};
use crate::{exit, failure};

/// A file of the host as a source of randomness.
#[derive(Debug)]
pub struct HostEntropy(File);

impl HostEntropy {
    /// Opens the host's generator, or for a run that is to be repeated exactly a file of fixed bytes.
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

    /// Stops the device when the source runs dry: a key that is not random is worse than none.
    fn try_fill_bytes(&mut self, mut to: &mut [u8]) -> Result<(), Infallible> {
        while !to.is_empty() {
            let read = self.0.read(to);
            let Some(rest) = to.get_mut(read..).filter(|_| read > 0) else {
                failure::stop(exit::NO_ENTROPY, format_args!("the source of entropy has run dry"));
            };
            to = rest;
        }
        Ok(())
    }
}

impl TryCryptoRng for HostEntropy {}
