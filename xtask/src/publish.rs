//! `cargo xtask package`: the crates for other projects, packed as a registry takes them, and built from the package.

use crate::embedded::toolchain;
use crate::steps::{cargo, execute};
use crate::tree;

/// The crates that are published, each after those that it depends on.
const PACKAGES: &[&str] =
    &["minipki-core", "minipki-os", "minipki-provider", "minipki-net", "minipki-client"];

/// The files that a package holds beside its code.
const FILES: &[&str] = &["README.md", "LICENSE"];

/// Packs each crate, unpacks it, and builds it with all its features. Publishes nothing.
pub(crate) fn run() -> Result<(), String> {
    oldest_is_ours(env!("CARGO_PKG_RUST_VERSION"), toolchain::channel())?;
    // The steps before have downloaded all that is needed. Changes that are not committed are packed as well.
    let mut package = cargo(&["package", "--locked", "--offline", "--allow-dirty", "--all-features"]);
    package.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    execute(&mut package)?;
    for name in PACKAGES {
        let folder = tree::root().join(format!("target/package/{name}-{}", env!("CARGO_PKG_VERSION")));
        if let Some(file) = FILES.iter().find(|file| !folder.join(file).is_file()) {
            return Err(format!("the package {name} has no {file}"));
        }
    }
    Ok(())
}

/// Checks that the oldest Rust that the crates promise to build with is the one that all tests run with.
fn oldest_is_ours(rust_version: &str, channel: &str) -> Result<(), String> {
    if channel.strip_suffix(".0").unwrap_or(channel) == rust_version {
        return Ok(());
    }
    Err(format!("rust-version in Cargo.toml is {rust_version}, the channel in rust-toolchain.toml {channel}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_version_that_no_test_runs_with_is_refused() {
        assert_eq!(oldest_is_ours("1.95", "1.95.0"), Ok(()));
        assert!(oldest_is_ours("1.94", "1.95.0").is_err());
        assert!(oldest_is_ours("1.95", "1.95.1").is_err());
        assert!(oldest_is_ours("1.95", "stable").is_err());
    }
}
