//! Calls of every public function of the core, on inputs that the compiler does not know.
//!
//! `cargo xtask embedded` links this program for a Cortex-M3 and looks for calls of a panic. It also reads these files,
//! and fails for a public function that none of them names as `Type::function` or `module::function`.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod crl;
mod crypto;
mod documents;
mod ocsp;
mod sessions;
mod signatures;
mod x509;

use core::convert::Infallible;
use core::hint::black_box;

use embedded_io::{ErrorType, Read, Write};
use rand_core::{TryCryptoRng, TryRng};

/// A value that the compiler does not know.
fn any<T>(value: T) -> T {
    black_box(value)
}

/// Bytes that the compiler does not know, of unknown length.
fn bytes() -> &'static [u8] {
    black_box(&[])
}

/// A buffer of unknown length.
fn room() -> &'static mut [u8] {
    black_box(&mut [])
}

/// Text of unknown length.
fn text() -> &'static str {
    black_box("")
}

/// Uses a result, so that it is computed.
fn keep<T>(value: T) {
    black_box(&value);
}

/// A peripheral: a stream and a random generator of unknown values.
struct Port;

impl ErrorType for Port {
    type Error = Infallible;
}

impl Read for Port {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        black_box(buf);
        Ok(any(0))
    }
}

impl Write for Port {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        black_box(buf);
        Ok(any(0))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io_async::Read for Port {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Read::read(self, buf)
    }
}

impl embedded_io_async::Write for Port {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Write::write(self, buf)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl TryRng for Port {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(any(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(any(0))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        black_box(bytes);
        Ok(())
    }
}

// Only for this check: a board has a generator of its own.
impl TryCryptoRng for Port {}

/// The entry point of the image.
#[cfg(target_os = "none")]
#[unsafe(export_name = "_start")]
extern "C" fn start() {
    main();
}

fn main() {
    documents::all();
    crypto::all();
    sessions::all();
    signatures::all();
    x509::all();
    crl::all();
    ocsp::all();
}

/// The function that each panic calls. The check looks for it.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
