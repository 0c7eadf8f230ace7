//! `cargo xtask package`: packs the published crates as for a registry, and builds each one from its package.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{cargo, execute};
use crate::embedded::toolchain;
use crate::tree;

/// The published crates, each after its dependencies.
const PACKAGES: &[&str] = &[
    "minipki-core",
    "minipki-os",
    "minipki-passphrase",
    "minipki-provider",
    "minipki-net",
    "minipki-client",
];

/// The files of a package beside its code.
const FILES: &[&str] = &["README.md", "LICENSE"];

/// Packs each crate, unpacks it, and builds it with all its features. Publishes nothing.
pub(crate) fn run() -> Result<(), String> {
    check_rust_version(env!("CARGO_PKG_RUST_VERSION"), toolchain::channel())?;
    let target = tree::root().join("target");
    remove_earlier(&target)?;
    // Earlier steps have downloaded the dependencies. Uncommitted changes are packed too.
    let mut package = cargo(&["package", "--locked", "--offline", "--allow-dirty", "--all-features"]);
    package.arg("--target-dir").arg(&target);
    package.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    // The other builds of the workspace have made most dependencies with the same options.
    package.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    execute(&mut package)?;
    for name in PACKAGES {
        let folder = target.join(format!("package/{name}-{}", env!("CARGO_PKG_VERSION")));
        if let Some(file) = FILES.iter().find(|file| !folder.join(file).is_file()) {
            return Err(format!("the package {name} has no {file}"));
        }
    }
    Ok(())
}

/// Removes what cargo keeps of the packages of an earlier run: their sources, and the state of their builds. Cargo does
/// not look for changes in packages with the same version.
fn remove_earlier(target: &Path) -> Result<(), String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")));
    let sources = home.ok_or("CARGO_HOME and HOME are not set")?.join("registry/src");
    let mut folders: Vec<PathBuf> = entries(&sources).iter().flat_map(|registry| entries(registry)).collect();
    let built = built_from_packages(&target.join("debug/deps"));
    let states = entries(&target.join("debug/.fingerprint"));
    folders.retain(|folder| is_package(folder));
    folders.extend(states.into_iter().filter(|state| built.iter().any(|hash| name(state).ends_with(hash))));
    for folder in folders {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

/// The hashes that cargo gave to builds of the packages. The paths of their sources, which cargo writes beside each
/// build, do not lie in a folder of the workspace.
fn built_from_packages(builds: &Path) -> Vec<String> {
    let from_package = |file: &PathBuf| {
        let paths = fs::read_to_string(file).unwrap_or_default();
        let sources = paths.split_once(": ").map_or("", |(_, sources)| sources);
        sources.starts_with("src/") || sources.contains("/registry/src/")
    };
    let files = entries(builds).into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "d"));
    let ours = files.filter(|file| name(file).starts_with("minipki_")).filter(from_package);
    ours.filter_map(|file| Some(file.file_stem()?.to_str()?.rsplit_once('-')?.1.to_owned())).collect()
}

fn is_package(folder: &Path) -> bool {
    PACKAGES.iter().any(|package| name(folder).starts_with(&format!("{package}-")))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The entries of a folder. A folder that does not exist has none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
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
