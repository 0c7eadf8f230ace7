//! `cargo xtask embedded`: the core for a Cortex-M3, and proof that no allocator is in it and no panic is reachable.

pub(crate) mod firmware;
mod panics;
pub(crate) mod symbols;
pub(crate) mod toolchain;

use crate::steps::execute;
use crate::tree;
use toolchain::{TARGET, Toolchain};

/// The devices' linked images.
const DEVICES: [&str; 2] = ["lm3s6965-device", "mps2-an385-device"];

/// The example of docs/embedded.md, and the page.
const EXAMPLE: &str = "core/examples/enrolment.rs";
const PAGE: &str = "docs/embedded.md";

/// Builds the core, the example and the devices, and looks for allocators and panics in what is linked.
///
/// Two things speak against a heap: rustc links no image whose crates use `alloc` while none of them brings a global
/// allocator, and the symbols of the images, the compiler's own among them, are read here.
pub(crate) fn run() -> Result<(), String> {
    let toolchain = Toolchain::pick()?;
    let mut example = toolchain.cargo("build");
    example.args([
        "--locked",
        "--profile",
        panics::PROFILE,
        "--package",
        "minipki-core",
        "--example",
        "enrolment",
    ]);
    execute(&mut example)?;
    let (example, page) = (tree::read(&tree::root().join(EXAMPLE))?, tree::read(&tree::root().join(PAGE))?);
    if !page.contains(&format!("```rust\n{example}```\n")) {
        return Err(format!("{PAGE} does not hold {EXAMPLE} as it is: copy it over"));
    }
    panics::check(&toolchain)?;
    firmware::Firmware::lint()?;
    let firmware = firmware::Firmware::build()?;
    for device in DEVICES {
        firmware.without_allocator(device)?;
    }
    eprintln!("    no allocator is in the core or in a device for {TARGET}");
    Ok(())
}
