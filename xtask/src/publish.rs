//! `cargo xtask package`: packs the published crates as for a registry, and checks them without the project.

use std::fs;
use std::process::Command;

use crate::command::{cargo, execute};
use crate::embedded::toolchain;
use crate::tree;

/// The published crates, each after its dependencies.
const PACKAGES: [&str; 6] =
    ["minipki-core", "minipki-os", "minipki-passphrase", "minipki-provider", "minipki-net", "minipki-client"];

/// The files of a package beside its code.
const FILES: &[&str] = &["README.md", "LICENSE"];

/// Packs each crate, unpacks it, and checks all of them with all their features, as a project would that has no other
/// files of this one. Publishes nothing.
pub(crate) fn run() -> Result<(), String> {
    check_rust_version(env!("CARGO_PKG_RUST_VERSION"), toolchain::channel())?;
    let target = tree::root().join("target");
    // Uncommitted changes are packed too.
    let mut package = cargo(&["package", "--locked", "--offline", "--allow-dirty", "--no-verify"]);
    package.arg("--target-dir").arg(&target);
    execute(package.args(PACKAGES.iter().flat_map(|name| ["--package", name])))?;

    let folder = target.join("package");
    let unpacked = PACKAGES.map(|name| format!("{name}-{}", env!("CARGO_PKG_VERSION")));
    for (name, package) in PACKAGES.iter().zip(&unpacked) {
        // A file of an earlier run must not hide that this package lacks it.
        let earlier = folder.join(package);
        if earlier.exists() {
            fs::remove_dir_all(&earlier).map_err(|error| format!("{}: {error}", earlier.display()))?;
        }
        // With the present time, so that cargo sees the change of a file.
        let mut unpack = Command::new("tar");
        unpack.arg("--extract").arg("--touch").arg("--directory").arg(&folder);
        execute(unpack.arg("--file").arg(folder.join(format!("{package}.crate"))))?;
        if let Some(file) = FILES.iter().find(|file| !folder.join(package).join(file).is_file()) {
            return Err(format!("the package {name} has no {file}"));
        }
    }
    let manifest = folder.join("Cargo.toml");
    fs::write(&manifest, workspace(&unpacked))
        .and_then(|()| fs::copy(tree::root().join("Cargo.lock"), folder.join("Cargo.lock")))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    // Earlier steps have downloaded the dependencies, and checked most of them with this option.
    let mut check = cargo(&["check", "--offline", "--workspace", "--all-features", "--manifest-path"]);
    check.env("CARGO_PROFILE_DEV_DEBUG", "0");
    execute(check.arg(manifest).arg("--target-dir").arg(target))
}

/// The manifest of a workspace with these folders, in the order of [`PACKAGES`]. Each crate comes from its folder.
fn workspace(folders: &[String]) -> String {
    let members: Vec<_> = folders.iter().map(|folder| format!("{folder:?}")).collect();
    let crates = PACKAGES.iter().zip(folders);
    let patches: String =
        crates.map(|(name, folder)| format!("{name} = {{ path = {folder:?} }}\n")).collect();
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n{patches}",
        members.join(", ")
    )
}

/// Checks that the oldest supported Rust is the version that runs all tests.
fn check_rust_version(rust_version: &str, channel: &str) -> Result<(), String> {
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
        assert_eq!(check_rust_version("1.95", "1.95.0"), Ok(()));
        assert!(check_rust_version("1.94", "1.95.0").is_err());
        assert!(check_rust_version("1.95", "1.95.1").is_err());
        assert!(check_rust_version("1.95", "stable").is_err());
    }
}
