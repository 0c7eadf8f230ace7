//! The firmware of the boards: its programs and their sizes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::toolchain::Toolchain;
use crate::command::{cargo, execute, need, shown};
use crate::tree;

/// The workspace of the firmware.
const FOLDER: &str = "firmware-sim/boards";

/// The manifest of the firmware's workspace.
pub(crate) const MANIFEST: &str = "firmware-sim/boards/Cargo.toml";

/// The package and the name of each program.
const PROGRAMS: &[(&str, &str)] = &[
    ("minipki-lm3s6965", "lm3s6965-device"),
    ("minipki-lm3s6965", "lm3s6965-device-2048"),
    ("minipki-lm3s6965", "lm3s6965-fail"),
    ("minipki-lm3s6965", "echo"),
    ("minipki-lm3s6965", "measure"),
    ("minipki-lm3s6965", "lm3s6965-x509"),
    ("minipki-lm3s6965", "lm3s6965-signature"),
    ("minipki-lm3s6965", "measure-x509"),
    ("minipki-embassy", "lm3s6965-embassy"),
    ("minipki-mps2-an385", "mps2-an385-device"),
    ("minipki-mps2-an385", "mps2-an385-fail"),
    ("minipki-mps2-an385", "mps2-an385-x509"),
];

/// Flags for the link step, which optimises the whole program. It inlines only functions about as short as their call;
/// LLVM's "s" inlines more. This saves 4 KB and costs no speed. In earlier steps, these flags would stop the inlining of
/// the arithmetic's closures.
const LINKING: [&str; 3] =
    ["-Cllvm-args=-inline-threshold=15", "-Cllvm-args=-inlinehint-threshold=20", IN_ORDER];

/// Keeps instructions in their order. Reordering for longer pipelines needs more registers than a Cortex-M3 has. A
/// handshake takes 4 % fewer instructions. The program with other crates has no such flag: it makes `rsa` 2 % faster and
/// `snow` 3 % slower.
const IN_ORDER: &str = "-Cllvm-args=-enable-misched=0";

/// The program for figures of other crates.
pub(crate) const OTHERS: &str = "minipki-others";

/// The programs that list the sections and the symbols of an ELF file.
const SIZE: &str = "arm-none-eabi-size";
const NM: &str = "arm-none-eabi-nm";

/// The folder of the built programs.
pub(crate) struct Firmware {
    folder: PathBuf,
}

/// Bytes of flash, and of RAM without the stack.
pub(crate) struct Size {
    pub(crate) flash: u32,
    pub(crate) ram: u32,
}

impl Firmware {
    /// Builds the programs of all boards.
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

    /// Builds the program for figures of other crates, which has a heap.
    pub(crate) fn build_others(&self) -> Result<(), String> {
        let toolchain = Toolchain::pick()?;
        let mut build = toolchain.cargo_with("core,alloc", &tree::root().join(FOLDER), "build");
        execute(build.args(["--locked", "--release", "--package", OTHERS]))
    }

    /// Checks the format, and runs clippy for the target if this Rust has the target.
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

    /// The folder of the programs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The ELF file of a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The output of `nm` with `options` for a program.
    fn listing(&self, name: &str, options: &[&str]) -> Result<String, String> {
        need(NM, "binutils-arm-none-eabi")?;
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

    /// The symbols of a program with their sizes and demangled names.
    pub(crate) fn symbols(&self, name: &str) -> Result<String, String> {
        self.listing(name, &["-S", "-C"])
    }

    /// Checks that a program has no allocator.
    pub(crate) fn check_no_allocator(&self, name: &str) -> Result<(), String> {
        let listing = self.listing(name, &[])?;
        let found = super::allocators(&listing);
        if found.is_empty() {
            Ok(())
        } else {
            Err(format!("{name} has an allocator:\n         {}", found.join("\n         ")))
        }
    }

    /// The size of a program, from its sections (Berkeley format: text, data, bss).
    pub(crate) fn size(&self, name: &str) -> Result<Size, String> {
        need(SIZE, "binutils-arm-none-eabi")?;
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
    // The initial values of variables are in flash, and are copied to RAM.
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
