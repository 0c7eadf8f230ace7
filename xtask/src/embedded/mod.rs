//! `cargo xtask embedded`: builds the core for each target, and checks that it has no allocator and no reachable panic.

pub(crate) mod firmware;
mod panics;
pub(crate) mod toolchain;

use crate::command::execute;
use crate::tree;
use toolchain::{TARGET, Toolchain};

/// The images of the devices.
const DEVICES: [&str; 3] = ["lm3s6965-device", "lm3s6965-embassy", "mps2-an385-device"];

/// The examples of the core in docs/embedded.md, and the page.
const EXAMPLES: [&str; 4] = ["enrolment", "identity", "channel", "randomness"];
const PAGE: &str = "docs/embedded.md";

/// Builds the core, the examples and the devices for [`TARGET`], and looks for allocators and panics in the images. For the
/// other targets, builds the core as a library with all its features.
///
/// Two checks exclude a heap. rustc links no image that uses `alloc` without a global allocator. No symbol of the images may
/// belong to an allocator, including the compiler's.
pub(crate) fn run() -> Result<(), String> {
    let toolchain = Toolchain::pick()?;
    let mut build = toolchain.cargo("build");
    build.args(["--locked", "--profile", panics::PROFILE, "--package", "minipki-core"]);
    execute(build.args(EXAMPLES.map(|example| format!("--example={example}"))))?;
    check_page()?;
    panics::check(&toolchain)?;
    let mut library = toolchain.cargo_for(toolchain::targets().filter(|target| *target != TARGET), "build");
    // Nothing of it runs, so it is not optimised.
    library.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    execute(library.args(["--locked", "--release", "--package", "minipki-core", "--all-features"]))?;
    firmware::Firmware::lint()?;
    let firmware = firmware::Firmware::build()?;
    for device in DEVICES {
        firmware.check_no_allocator(device)?;
    }
    eprintln!("    no allocator is in the core or in a device for {TARGET}");
    Ok(())
}

/// Checks that the page holds each example as it is, and names each target.
fn check_page() -> Result<(), String> {
    let page = tree::read(&tree::root().join(PAGE))?;
    for example in EXAMPLES {
        let file = format!("core/examples/{example}.rs");
        if !page.contains(&format!("```rust\n{}```\n", tree::read(&tree::root().join(&file))?)) {
            return Err(format!("{PAGE} does not hold {file} as it is: copy the file to the page"));
        }
    }
    match toolchain::targets().find(|target| !page.contains(&format!("`{target}`"))) {
        Some(target) => Err(format!("{PAGE} does not name the target `{target}` of rust-toolchain.toml")),
        None => Ok(()),
    }
}

/// Parts of the names of an allocator or its callers: rustc's shims (`__rust_alloc`, `__rust_alloc_error_handler`, …), their
/// default and user-given implementations, and paths of the crate `alloc` in the v0 mangling (`Cs…_5alloc`) and the older one.
const ALLOCATOR_PARTS: &[&str] = &[
    "__rust_alloc",
    "__rust_dealloc",
    "__rust_realloc",
    "__rust_no_alloc",
    "__rdl_",
    "__rg_",
    "_5alloc",
    "_ZN5alloc",
];

/// The whole names of the C library's allocator.
const ALLOCATOR_NAMES: &[&str] =
    &["malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign", "memalign", "_sbrk", "sbrk"];

/// The symbols in the output of `nm`.
fn symbols(listing: &str) -> impl Iterator<Item = &str> {
    listing.lines().filter_map(|line| line.split_whitespace().last())
}

/// The symbols of allocators in the output of `nm`.
fn allocators(listing: &str) -> Vec<&str> {
    symbols(listing)
        .filter(|name| {
            ALLOCATOR_NAMES.contains(name) || ALLOCATOR_PARTS.iter().any(|part| name.contains(part))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocators_are_found() {
        for symbol in [
            "         U _RNvCsfgHYwM92fyn_7___rustc12___rust_alloc",
            "         U _RNvCsfgHYwM92fyn_7___rustc14___rust_dealloc",
            "         U __rust_alloc_error_handler",
            "00000000 T __rg_alloc",
            "00000000 T __rdl_alloc",
            "         U _RNvNtCs3nQo6FFcNQt_5alloc7raw_vec17capacity_overflow",
            "         U _ZN5alloc7raw_vec17capacity_overflow17h0123456789abcdefE",
            "         U malloc",
        ] {
            let listing = format!("{symbol}\n00000001 T _RNvCs1_12minipki_core5parse\n");
            assert_eq!(allocators(&listing).len(), 1, "{symbol}");
        }
    }

    #[test]
    fn the_module_alloc_of_core_is_no_allocator() {
        let listing = "00000000 T _RNvXs_NtCs8cpljGkdL56_4core5allocNtB4_10AllocErrorNtNtB6_3fmt7Display3fmt\n\
            00000000 T _ZN4core5alloc6layout6Layout3new17h0E\n";
        assert_eq!(allocators(listing), [""; 0]);
        assert_eq!(symbols(listing).count(), 2);
    }
}
