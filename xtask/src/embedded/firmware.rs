//! The boards' firmware: its programs, built, and what they take of a chip.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::toolchain::Toolchain;
use crate::steps::{cargo, execute, shown};
use crate::{packages, tree};

/// The firmware's own workspace.
const FOLDER: &str = "firmware-sim/boards";

/// Its manifest.
pub(crate) const MANIFEST: &str = "firmware-sim/boards/Cargo.toml";

/// Reads the sections of the target's programs.
const SIZE: &str = "arm-none-eabi-size";

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
        execute(toolchain.cargo_in(&folder, "build").args(["--locked", "--release", "--bins"]))?;
        Ok(Self { folder: toolchain.output().join("release") })
    }

    /// Format and clippy, for the target where this Rust has it.
    pub(crate) fn lint() -> Result<(), String> {
        let folder = tree::root().join(FOLDER);
        execute(cargo(&["fmt", "--all", "--check"]).current_dir(&folder))?;
        match Toolchain::pick()? {
            toolchain @ Toolchain::Ours => execute(toolchain.cargo_in(&folder, "clippy").args([
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
