//! `cargo xtask embedded`: the core for each target, and proof that no allocator is in it and no panic is reachable.

pub(crate) mod firmware;
mod panics;
pub(crate) mod symbols;
pub(crate) mod toolchain;

use crate::steps::execute;
use crate::tree;
use toolchain::{TARGET, Toolchain};

/// The devices' linked images.
const DEVICES: [&str; 3] = ["lm3s6965-device", "lm3s6965-embassy", "mps2-an385-device"];

/// The examples of the core that docs/embedded.md shows, and the page.
const EXAMPLES: [&str; 4] = ["enrolment", "identity", "channel", "randomness"];
const PAGE: &str = "docs/embedded.md";

/// Builds the core, the examples and the devices, and looks for allocators and panics in what is linked.
///
/// All of this is done for [`TARGET`]. For the other targets the core is built as a library, with all its features.
///
/// Two things speak against a heap: rustc links no image whose crates use `alloc` while none of them brings a global
/// allocator, and the symbols of the images, the compiler's own among them, are read here.
pub(crate) fn run() -> Result<(), String> {
    let toolchain = Toolchain::pick()?;
    let mut build = toolchain.cargo("build");
    build.args(["--locked", "--profile", panics::PROFILE, "--package", "minipki-core"]);
    execute(build.args(EXAMPLES.map(|example| format!("--example={example}"))))?;
    shown_on_the_page()?;
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

/// Holds each block of the page equal to its example.
fn shown_on_the_page() -> Result<(), String> {
    let page = tree::read(&tree::root().join(PAGE))?;
    for example in EXAMPLES {
        let file = format!("core/examples/{example}.rs");
        if !page.contains(&format!("```rust\n{}```\n", tree::read(&tree::root().join(&file))?)) {
            return Err(format!("{PAGE} does not hold {file} as it is: copy it over"));
        }
    }
    match toolchain::targets().find(|target| !page.contains(&format!("`{target}`"))) {
        Some(target) => Err(format!("{PAGE} does not name the target `{target}` of rust-toolchain.toml")),
        None => Ok(()),
    }
}
