//! Every public function of the core, on inputs of which the compiler knows nothing.
//!
//! Linked for a Cortex-M3, it is where `cargo xtask embedded` looks for calls of a panic. The task reads these files,
//! too: a public function that none of them names, as `Type::function` or `module::function`, is a fault.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod crypto;
mod documents;
mod sessions;

use core::convert::Infallible;
use core::hint::black_box;

use embedded_io::{ErrorType, Read, Write};
use rand_core::{TryCryptoRng, TryRng};

/// A value that the compiler takes for any of its type.
fn any<T>(value: T) -> T {
    black_box(value)
}

/// Bytes, and nobody knows which or how many.
fn bytes() -> &'static [u8] {
    black_box(&[])
}

/// Room, and nobody knows how much.
fn room() -> &'static mut [u8] {
    black_box(&mut [])
}

/// Text of any length.
fn text() -> &'static str {
    black_box("")
}

/// Makes something of a result, so that it is computed.
fn keep<T>(value: T) {
    black_box(&value);
}

/// A peripheral: it reads, writes and draws anything.
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

// No firmware: a board brings a generator of its own.
impl TryCryptoRng for Port {}

/// Where the image begins.
#[cfg(target_os = "none")]
#[unsafe(export_name = "_start")]
extern "C" fn start() {
    main();
}

/// All of it.
fn main() {
    documents::all();
    crypto::all();
    sessions::all();
}

/// The function that the check looks for: everything that panics ends here.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
