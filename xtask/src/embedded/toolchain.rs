//! The compiler for the chips: the workspace's toolchain if it has the targets, or else Debian's, which builds `core`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, install};
use crate::tree;

/// Cortex-M3 without an operating system.
pub(crate) const TARGET: &str = "thumbv7m-none-eabi";

/// The compiler of the project and its targets.
const TOOLCHAIN_FILE: &str = include_str!("../../../rust-toolchain.toml");

/// Debian's Rust with the sources of `core`, and a linker for [`TARGET`].
const DEBIAN_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "binutils-arm-none-eabi"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "arm-none-eabi-ld";

/// The compiler version in rust-toolchain.toml.
pub(crate) fn channel() -> &'static str {
    values("channel").next().unwrap_or_default()
}

/// The targets in rust-toolchain.toml. [`TARGET`] is one of them.
pub(crate) fn targets() -> impl Iterator<Item = &'static str> {
    values("targets")
}

/// The quoted values of one line of rust-toolchain.toml.
fn values(key: &str) -> impl Iterator<Item = &'static str> {
    let line = TOOLCHAIN_FILE.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split('"').skip(1).step_by(2)
}

/// A compiler for the [`targets`].
pub(crate) enum Toolchain {
    /// The toolchain of this task. rustup has installed the targets of rust-toolchain.toml.
    Ours,
    /// Debian's packages, for a machine that cannot download the targets.
    Debian,
}

impl Toolchain {
    /// Picks the first toolchain that has the targets. Installs Debian's packages if necessary and allowed.
    pub(crate) fn pick() -> Result<Self, String> {
        let ours = |target| {
            let mut rustc = Command::new("rustc");
            rustc.args(["--print", "target-libdir", "--target", target]).current_dir(tree::root());
            holds_core(&mut rustc)
        };
        let Some(missing) = targets().find(|target| !ours(target)) else {
            return Ok(Toolchain::Ours);
        };
        if !debian_is_ready() {
            eprintln!("    this Rust has no {missing}; Debian's packages are installed instead");
            let installed = install(DEBIAN_PACKAGES);
            if !debian_is_ready() {
                return Err(advice(installed.err()));
            }
        }
        Ok(Toolchain::Debian)
    }

    /// `cargo SUBCOMMAND` for [`TARGET`], at the workspace's root.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        self.cargo_in(tree::root(), subcommand)
    }

    /// `cargo SUBCOMMAND` for [`TARGET`] in `folder`, with its `.cargo/config.toml` and without an allocator.
    pub(crate) fn cargo_in(&self, folder: &Path, subcommand: &str) -> Command {
        self.cargo_with("core", folder, subcommand)
    }

    /// [`Toolchain::cargo_in`] with these crates of the language, for a toolchain that has to build them.
    pub(crate) fn cargo_with(&self, language: &str, folder: &Path, subcommand: &str) -> Command {
        let mut command = self.command(language, subcommand);
        command.args(["--target", TARGET, "--config", &short_paths()]).current_dir(folder);
        command
    }

    /// `cargo SUBCOMMAND` for all `targets`, at the workspace's root. The command must link nothing: Debian's linker is only
    /// for [`TARGET`].
    pub(crate) fn cargo_for<'t>(&self, targets: impl Iterator<Item = &'t str>, subcommand: &str) -> Command {
        let mut command = self.command("core", subcommand);
        command.args(targets.flat_map(|target| ["--target", target])).current_dir(tree::root());
        command
    }

    /// `cargo SUBCOMMAND` with this toolchain and its target folder.
    fn command(&self, language: &str, subcommand: &str) -> Command {
        let mut command = match self {
            Toolchain::Ours => command::cargo(&[subcommand]),
            Toolchain::Debian => {
                let mut command = Command::new(DEBIAN_CARGO);
                for (name, _) in std::env::vars_os().filter(|(name, _)| misleads(&name.to_string_lossy())) {
                    command.env_remove(name);
                }
                // The flag -Zbuild-std is unstable, and this compiler is a release.
                command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                // Debian's packages have no rust-lld, the linker of other toolchains.
                command.env("CARGO_TARGET_THUMBV7M_NONE_EABI_LINKER", DEBIAN_LINKER);
                command.args([subcommand, &format!("-Zbuild-std={language}")]);
                command
            }
        };
        command.arg("--target-dir").arg(self.target_folder());
        command
    }

    /// The compiler's name and version.
    pub(crate) fn version(&self) -> String {
        printed(
            Command::new(self.rustc())
                .arg("--version")
                .current_dir(tree::root())
                .env_remove("LD_LIBRARY_PATH"),
        )
    }

    fn rustc(&self) -> &'static str {
        match self {
            Toolchain::Ours => "rustc",
            Toolchain::Debian => DEBIAN_RUSTC,
        }
    }

    /// The output folder of [`Toolchain::cargo`] for [`TARGET`]. It has a folder for each profile.
    pub(crate) fn output(&self) -> PathBuf {
        self.target_folder().join(TARGET)
    }

    /// The target folder. Two compilers in one folder would rebuild each other's output.
    fn target_folder(&self) -> PathBuf {
        tree::root().join(match self {
            Toolchain::Ours => "target",
            Toolchain::Debian => "target/debian",
        })
    }
}

/// The flags that remove this machine's folders from the texts of panics. The image is then smaller, and equal on every
/// machine.
///
/// The folder of a registry begins with its host. `cargo package` adds one without a host; other flags would build the
/// firmware again.
fn short_paths() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))).unwrap_or_default();
    let registries = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let registries = registries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"-"));
    let folders = registries.map(|entry| entry.path()).chain([tree::root().to_owned()]);
    let flags = folders.map(|folder| format!("{:?}", format!("--remap-path-prefix={}=.", folder.display())));
    format!("target.{TARGET}.rustflags=[{}]", flags.collect::<Vec<_>>().join(","))
}

/// Whether the folder that `rustc` prints holds a compiled `core`.
fn holds_core(rustc: &mut Command) -> bool {
    let folder = printed(rustc);
    !folder.is_empty() && !tree::files(Path::new(&folder), "rlib").is_empty()
}

/// Whether Debian's compiler is new enough, and has the sources of `core`.
fn debian_is_ready() -> bool {
    let says = |arguments: &[&str]| {
        printed(Command::new(DEBIAN_RUSTC).args(arguments).env_remove("LD_LIBRARY_PATH"))
    };
    let sources =
        Path::new(&says(&["--print", "sysroot"])).join("lib/rustlib/src/rust/library/core/src/lib.rs");
    let oldest = minor(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION")));
    Path::new(DEBIAN_CARGO).is_file() && sources.is_file() && minor(&says(&["--version"])) >= oldest
}

/// The trimmed output of a command. Empty if the command does not start.
fn printed(command: &mut Command) -> String {
    command
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// The 95 of `rustc 1.95.0 (…)`. `None` sorts first.
fn minor(version: &str) -> Option<u32> {
    version.split([' ', '.']).nth(2)?.parse().ok()
}

/// Whether a variable is meant for another compiler. Variables for proxies and registries are kept.
fn misleads(variable: &str) -> bool {
    const KEPT: &[&str] = &[
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    let ours = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"]
        .iter()
        .any(|begin| variable.starts_with(begin));
    ours && !KEPT.iter().any(|kept| variable.starts_with(kept))
}

fn advice(apt: Option<String>) -> String {
    format!(
        "no compiler for all targets. Either `rustup target add {}`, or on Debian `sudo apt-get install {}`{}",
        targets().collect::<Vec<_>>().join(" "),
        DEBIAN_PACKAGES.join(" "),
        apt.map(|e| format!(" (tried: {e})")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(minor("rustc 1.96.0 (ac68faa20 2026-05-25)") > minor("rustc 1.95.0"));
        assert!(minor("rustc 1.100.0") > minor("rustc 1.96.0"));
        assert!(minor("") < minor("rustc 1.0.0"));
    }

    #[test]
    fn variables_of_the_outer_toolchain_are_removed_and_those_of_the_network_kept() {
        assert!(
            misleads("CARGO")
                && misleads("CARGO_ENCODED_RUSTFLAGS")
                && misleads("RUSTUP_TOOLCHAIN")
                && misleads("LD_LIBRARY_PATH")
        );
        assert!(
            !misleads("CARGO_HOME")
                && !misleads("CARGO_HTTP_PROXY")
                && !misleads("RUSTUP_HOME")
                && !misleads("PATH")
        );
    }

    #[test]
    fn the_toolchain_file_is_read() {
        assert_eq!(channel().split('.').count(), 3);
        assert!(targets().count() > 1 && targets().any(|target| target == TARGET));
    }

    #[test]
    fn an_empty_sysroot_is_no_compiler() {
        assert!(!holds_core(Command::new("echo").arg("/nowhere")));
        assert!(!holds_core(&mut Command::new("true")));
    }
}
