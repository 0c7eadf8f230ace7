//! Where and with what the figures were made.

use std::fs;
use std::process::Command;

use super::figures::Figures;
use crate::tree;

/// Crates whose versions the page names.
const CRATES: [&str; 10] = [
    "aws-lc-rs",
    "chacha20poly1305",
    "curve25519-dalek",
    "ring",
    "rsa",
    "rustls",
    "rustls-webpki",
    "sha2",
    "snow",
    "x509-cert",
];

/// Instructions of the processor that the implementations choose by.
const FEATURES: [&str; 6] = ["adx", "avx2", "avx512f", "avx512ifma", "bmi2", "sha_ni"];

/// The machine before a run.
pub(super) struct Machine {
    load: String,
}

impl Machine {
    /// Notes how busy it is.
    pub(super) fn look() -> Result<Self, String> {
        Ok(Self { load: load()? })
    }

    /// Everything about it, as rows of a table.
    pub(super) fn rows(&self, figures: &Figures) -> Result<Vec<(String, String)>, String> {
        let processor = read("/proc/cpuinfo")?;
        let field = |name: &str| {
            let line = processor.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim())
        };
        let flags: Vec<&str> = field("flags").unwrap_or_default().split(' ').collect();
        let features: Vec<&str> = FEATURES.into_iter().filter(|feature| flags.contains(feature)).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut rows = vec![
            ("processor", format!("{}, {cores} cores", field("model name").unwrap_or("unknown"))),
            ("of its instructions", features.join(", ")),
            ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease")?.trim())),
            ("others' work: load before and after", format!("{} and {}", self.load, load()?)),
            ("compiler", output("rustc", &["--version"])?),
            ("day", output("date", &["-u", "+%F"])?),
        ];
        rows.extend(figures.notes.iter().map(|(what, value)| (what.as_str(), value.clone())));
        let lock = tree::read(&tree::root().join("Cargo.lock"))?;
        rows.extend(CRATES.map(|name| (name, versions(&lock, name))));
        Ok(rows.into_iter().map(|(what, value)| (what.to_owned(), value)).collect())
    }
}

/// The versions of a crate in Cargo.lock.
fn versions(lock: &str, name: &str) -> String {
    let packages =
        lock.split("[[package]]").filter(|package| package.contains(&format!("name = \"{name}\"\n")));
    let version = |package: &str| Some(package.split_once("version = \"")?.1.split_once('"')?.0.to_owned());
    packages.filter_map(version).collect::<Vec<_>>().join(", ")
}

/// Processes that wanted a core, on average over a minute.
fn load() -> Result<String, String> {
    Ok(read("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned())
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}; the benchmarks run on Linux"))
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|e| format!("`{program}` did not start: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_beside_its_own_name_only() {
        let lock = "[[package]]\nname = \"rsa\"\nversion = \"0.10.0\"\n[[package]]\nname = \"rsa-x\"\nversion = \"9\"\n";
        assert_eq!(versions(lock, "rsa"), "0.10.0");
        assert_eq!(versions(lock, "ring"), "");
    }
}
