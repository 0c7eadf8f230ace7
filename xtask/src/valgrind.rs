//! Valgrind, and the programs that run under it.

use std::path::PathBuf;

use crate::steps::{cargo, execute};
use crate::{packages, tree};

/// Whether this machine is the one that the programs are written for.
pub(crate) const IS_SUPPORTED: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

/// Sees to it that Valgrind is there, builds `program`, and returns its path.
///
/// The profile `bench` has the optimisation of a release, and line numbers. All the programs are built at once: alone,
/// each would have its dependencies with other features, and so built anew.
pub(crate) fn build(program: &str) -> Result<PathBuf, String> {
    packages::need("valgrind", "valgrind")?;
    let packages = ["--package", "minipki-constant-time", "--package", "minipki-instructions"];
    execute(cargo(&["build", "--locked", "--profile", "bench"]).args(packages))?;
    Ok(tree::root().join("target/release").join(program))
}
