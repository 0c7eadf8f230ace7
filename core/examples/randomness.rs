//! Random generators for the core: a chip's TRNG, and generators of the older `rand_core` 0.6 and 0.9.
#![no_std]

use core::convert::Infallible;
use core::fmt;

use rand_core::{CryptoRng, TryCryptoRng, TryRng, UnwrapErr, utils};

/// The TRNG of a chip: its driver reads the data register and the flags of the health tests.
pub trait Trng {
    /// The next random word, or `None` if a health test has failed (NIST SP 800-90B §4).
    fn word(&mut self) -> Option<u32>;
}

/// A failed health test.
#[derive(Debug)]
pub struct Unhealthy;

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the random generator failed its health test")
    }
}

impl core::error::Error for Unhealthy {}

/// A TRNG with the traits of `rand_core`.
pub struct Random<T>(pub T);

impl<T: Trng> TryRng for Random<T> {
    type Error = Unhealthy;

    fn try_next_u32(&mut self) -> Result<u32, Unhealthy> {
        self.0.word().ok_or(Unhealthy)
    }

    fn try_next_u64(&mut self) -> Result<u64, Unhealthy> {
        utils::next_u64_via_u32(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Unhealthy> {
        utils::fill_bytes_via_next_word(bytes, || self.try_next_u32())
    }
}

impl<T: Trng> TryCryptoRng for Random<T> {}

/// The generator for the core. A failed health test panics, and the panic handler stops the device: a key that is not
/// random is worse than none.
pub fn generator(trng: impl Trng) -> impl CryptoRng {
    UnwrapErr(Random(trng))
}

/// A generator of `rand_core` 0.6.
pub struct From06<R>(pub R);

impl<R: rand_core_06::RngCore> TryRng for From06<R> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: rand_core_06::RngCore + rand_core_06::CryptoRng> TryCryptoRng for From06<R> {}

/// A generator of `rand_core` 0.9.
pub struct From09<R>(pub R);

impl<R: rand_core_09::RngCore> TryRng for From09<R> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: rand_core_09::CryptoRng> TryCryptoRng for From09<R> {}
