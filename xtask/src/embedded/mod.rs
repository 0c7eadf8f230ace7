//! `cargo xtask embedded`: the core for a Cortex-M3, and proof that no allocator is in it and no panic is reachable.

pub(crate) mod firmware;
mod panics;
pub(crate) mod symbols;
pub(crate) mod toolchain;

use std::process::Command;

use crate::steps::{execute, shown};
use crate::tree;
use toolchain::{TARGET, Toolchain};

/// The example of the core that stands for a firmware: a static library that uses its public interface.
const PROBE: &str = "heap_free";

/// The devices' linked images.
const DEVICES: [&str; 2] = ["lm3s6965-device", "mps2-an385-device"];

/// The example of docs/embedded.md, and the page.
const EXAMPLE: &str = "core/examples/enrolment.rs";
const PAGE: &str = "docs/embedded.md";

/// Builds the probe for the target and looks for allocators in everything it is made of.
///
/// Two things speak against a heap: rustc refuses a static library whose crates use `alloc` while none of them
/// brings a global allocator, and the symbols of all objects, the compiler's own among them, are read here.
pub(crate) fn run() -> Result<(), String> {
    let toolchain = Toolchain::pick()?;
    execute(toolchain.cargo("build").args([
        "--locked",
        "--release",
        "--package",
        "minipki-core",
        "--example",
        PROBE,
        "--example",
        "enrolment",
    ]))?;
    let (example, page) = (tree::read(&tree::root().join(EXAMPLE))?, tree::read(&tree::root().join(PAGE))?);
    if !page.contains(&format!("```rust\n{example}```\n")) {
        return Err(format!("{PAGE} does not hold {EXAMPLE} as it is: copy it over"));
    }
    let library = toolchain.output().join(format!("release/examples/lib{PROBE}.a"));
    // The linker's own `nm`, present wherever Rust links, reads the objects of other machines too.
    let mut nm = Command::new("nm");
    nm.arg(&library);
    let line = shown(&nm);
    let output = nm.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
    let listing = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !listing.contains("minipki_core") {
        return Err(format!(
            "`{line}` lists no symbol of the core: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let found = symbols::of_allocators(&listing);
    if !found.is_empty() {
        return Err(format!(
            "the core reaches an allocator on {TARGET}:\n         {}",
            found.join("\n         ")
        ));
    }
    panics::check(&toolchain)?;
    firmware::Firmware::lint()?;
    let firmware = firmware::Firmware::build()?;
    for device in DEVICES {
        firmware.without_allocator(device)?;
    }
    eprintln!("    {} symbols for {TARGET}, none of an allocator", symbols::names(&listing).count());
    Ok(())
}
