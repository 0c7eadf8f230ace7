//! The core as a firmware holds it: built for a Cortex-M, `cargo xtask embedded` looks for an allocator in it.
#![cfg_attr(target_os = "none", no_std)]

use minipki_core::bytes::{Full, Secret, Writer};

/// Keeps the code below in the library, which nothing calls.
#[used]
static KEPT: fn(&[u8]) -> Result<[u8; 4], Full> = framed;

fn framed(secret: &[u8]) -> Result<[u8; 4], Full> {
    let mut out = [0; 4];
    let mut writer = Writer::new(&mut out);
    writer.put(secret);
    writer.finish()?;
    drop(Secret::new(out));
    Ok(out)
}

/// A firmware decides what a panic does; without an operating system there has to be one.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
