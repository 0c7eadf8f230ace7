//! The boards' firmware: its programs, built, and what they take of a chip.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::symbols;
use super::toolchain::Toolchain;
use crate::steps::{cargo, execute, shown};
use crate::{packages, tree};

/// The firmware's own workspace.
const FOLDER: &str = "firmware-sim/boards";

/// Its manifest.
pub(crate) const MANIFEST: &str = "firmware-sim/boards/Cargo.toml";

/// The boards' programs, and whose they are.
const PROGRAMS: &[(&str, &str)] = &[
    ("minipki-lm3s6965", "lm3s6965-device"),
    ("minipki-lm3s6965", "lm3s6965-device-2048"),
    ("minipki-lm3s6965", "lm3s6965-fail"),
    ("minipki-lm3s6965", "echo"),
    ("minipki-lm3s6965", "measure"),
    ("minipki-embassy", "lm3s6965-embassy"),
    ("minipki-mps2-an385", "mps2-an385-device"),
    ("minipki-mps2-an385", "mps2-an385-fail"),
];

/// For the last step alone, which sees the whole program: to inline what is about as short as its call, where LLVM's
/// "s" goes further. 4 KB less, and no slower; in the steps before it would keep the arithmetic's closures apart.
const LINKING: [&str; 3] =
    ["-Cllvm-args=-inline-threshold=15", "-Cllvm-args=-inlinehint-threshold=20", IN_ORDER];

/// Leaves instructions in their order: moved apart for the sake of longer pipelines, loads take registers that a
/// Cortex-M3 has not. 4 % of a handshake less. `rsa` gains 2 % by it and `snow` loses 3 %, so the other crates are built
/// without.
const IN_ORDER: &str = "-Cllvm-args=-enable-misched=0";

/// The program that measures other crates.
pub(crate) const OTHERS: &str = "minipki-others";

/// Reads the sections of the target's programs.
const SIZE: &str = "arm-none-eabi-size";
const NM: &str = "arm-none-eabi-nm";

/// Where the built programs are.
pub(crate) struct Firmware {
    folder: PathBuf,
}

/// Bytes of flash, and of RAM without the stack.
pub(crate) struct Size {
    pub(crate) flash: u32,
    pub(crate) ram: u32,
}

impl Firmware {
    /// Builds all programs for all boards.
    pub(crate) fn build() -> Result<Self, String> {
        let toolchain = Toolchain::pick()?;
        let folder = tree::root().join(FOLDER);
        for (package, program) in PROGRAMS {
            let mut build = toolchain.cargo_in(&folder, "rustc");
            build.args(["--quiet", "--locked", "--release", "--package", package, "--bin", program, "--"]);
            execute(build.args(LINKING))?;
        }
        Ok(Self { folder: toolchain.output().join("release") })
    }

    /// Builds the program that measures other crates, which has a heap: not among the boards' programs.
    pub(crate) fn build_others(&self) -> Result<(), String> {
        let toolchain = Toolchain::pick()?;
        let mut build = toolchain.cargo_with("core,alloc", &tree::root().join(FOLDER), "build");
        execute(build.args(["--locked", "--release", "--package", OTHERS]))
    }

    /// Format and clippy, for the target where this Rust has it.
    pub(crate) fn lint() -> Result<(), String> {
        let folder = tree::root().join(FOLDER);
        execute(cargo(&["fmt", "--all", "--check"]).current_dir(&folder))?;
        match Toolchain::pick()? {
            toolchain @ Toolchain::Ours => execute(toolchain.cargo_in(&folder, "clippy").args([
                "--workspace",
                "--locked",
                "--release",
                "--",
                "-D",
                "warnings",
            ])),
            Toolchain::Debian => {
                eprintln!("    the firmware is built without clippy: Debian's Rust has none");
                Ok(())
            }
        }
    }

    /// Where the programs are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The ELF file of a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The symbols of a program and their sizes, as `nm` lists them: as they are, or with names for people.
    fn listing(&self, name: &str, options: &[&str]) -> Result<String, String> {
        packages::need(NM, "binutils-arm-none-eabi")?;
        let mut nm = Command::new(NM);
        nm.args(options).arg(self.program(name));
        let line = shown(&nm);
        let output = nm.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        if listing.contains("minipki_core") {
            Ok(listing)
        } else {
            Err(format!("`{line}` lists no symbol of the core"))
        }
    }

    /// The symbols of a program with their sizes, named for people.
    pub(crate) fn symbols(&self, name: &str) -> Result<String, String> {
        self.listing(name, &["-S", "-C"])
    }

    /// Sees to it that no allocator is linked into a program.
    pub(crate) fn without_allocator(&self, name: &str) -> Result<(), String> {
        let listing = self.listing(name, &[])?;
        let found = symbols::of_allocators(&listing);
        if found.is_empty() {
            Ok(())
        } else {
            Err(format!("{name} has an allocator:\n         {}", found.join("\n         ")))
        }
    }

    /// What a program takes, by its sections (Berkeley format: text, data, bss).
    pub(crate) fn size(&self, name: &str) -> Result<Size, String> {
        packages::need(SIZE, "binutils-arm-none-eabi")?;
        let mut size = Command::new(SIZE);
        size.arg(self.program(name));
        let line = shown(&size);
        let output = size.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
        parse(&String::from_utf8_lossy(&output.stdout)).ok_or(format!("`{line}` printed no sizes"))
    }
}

fn parse(listing: &str) -> Option<Size> {
    let mut sections = listing.lines().nth(1)?.split_whitespace().map_while(|n| n.parse::<u32>().ok());
    let (text, data, bss) = (sections.next()?, sections.next()?, sections.next()?);
    // What variables start with lies in flash, and is copied to RAM.
    Some(Size { flash: text + data, ram: data + bss })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let listing = "   text\t   data\t    bss\t    dec\t    hex\tfilename\n 150508\t      4\t  16172\t 166684\t  28b1c\tdevice\n";
        let size = parse(listing).map(|size| (size.flash, size.ram));
        assert_eq!(size, Some((150_512, 16_176)));
        assert!(parse("").is_none());
    }
}
