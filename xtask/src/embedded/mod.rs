//! `cargo xtask embedded`: the core for each target, and proof that no allocator is in it and no panic is reachable.

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
/// All of this is done for [`TARGET`]. For the other targets the core is built as a library, with all its features.
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
    if let Some(target) = toolchain::targets().find(|target| !page.contains(&format!("`{target}`"))) {
        return Err(format!("{PAGE} does not name the target `{target}` of rust-toolchain.toml"));
    }
    panics::check(&toolchain)?;
    let mut library = toolchain.cargo_for(toolchain::targets().filter(|target| *target != TARGET), "build");
    execute(library.args(["--locked", "--release", "--package", "minipki-core", "--all-features"]))?;
    firmware::Firmware::lint()?;
    let firmware = firmware::Firmware::build()?;
    for device in DEVICES {
        firmware.without_allocator(device)?;
    }
    eprintln!("    no allocator is in the core or in a device for {TARGET}");
    Ok(())
}
