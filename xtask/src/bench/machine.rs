//! The machine and the software of a run.

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

/// Instruction sets that decide which code an implementation uses.
const FEATURES: [&str; 6] = ["adx", "avx2", "avx512f", "avx512ifma", "bmi2", "sha_ni"];

/// A kind of CPU, by the CA's way to sign on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cpu {
    /// The CA signs eight certificates at a time.
    WithIfma,
    /// The CA signs one certificate at a time.
    WithoutIfma,
}

impl Cpu {
    /// All kinds, in the order of the page.
    pub(super) const ALL: [Self; 2] = [Self::WithIfma, Self::WithoutIfma];

    /// The kind of a CPU with these instructions, by the rule of `host/ifma`.
    fn of(flags: &[&str]) -> Self {
        let has_ifma = ["avx512f", "avx512ifma"].iter().all(|flag| flags.contains(flag));
        if has_ifma { Self::WithIfma } else { Self::WithoutIfma }
    }

    /// The name in a sentence.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::WithIfma => "with AVX-512 IFMA",
            Self::WithoutIfma => "without AVX-512 IFMA",
        }
    }

    /// The name in paths and marks.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::WithIfma => "with-ifma",
            Self::WithoutIfma => "without-ifma",
        }
    }
}

/// The machine before a run, and the measured commit.
pub(super) struct Machine {
    pub(super) cpu: Cpu,
    processor: String,
    features: String,
    load: String,
    commit: String,
    day: String,
}

impl Machine {
    /// Reads the CPU, the load, the commit and the date.
    pub(super) fn read() -> Result<Self, String> {
        let info = read_system("/proc/cpuinfo")?;
        let field = |name: &str| {
            let line = info.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim())
        };
        let flags: Vec<&str> = field("flags").unwrap_or_default().split(' ').collect();
        let features: Vec<&str> = FEATURES.into_iter().filter(|feature| flags.contains(feature)).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            cpu: Cpu::of(&flags),
            processor: format!("{}, {cores} cores", field("model name").unwrap_or("unknown processor")),
            features: features.join(", "),
            load: load()?,
            commit: commit()?,
            day: output("date", &["-u", "+%F"])?,
        })
    }

    /// The origin of the figures in a line: `AMD EPYC, 2 cores, with AVX-512 IFMA: full suite, 2026-11-26, commit 0a1b2c3`.
    pub(super) fn origin(&self, full: bool) -> String {
        let suite = if full { "full" } else { "short" };
        let Self { cpu, processor, commit, day, .. } = self;
        format!("{processor}, {}: {suite} suite, {day}, {commit}", cpu.name())
    }

    /// The other facts about the run, as rows of a table.
    pub(super) fn rows(&self, figures: &Figures) -> Result<Vec<(String, String)>, String> {
        let mut rows = vec![
            ("instruction sets", self.features.clone()),
            ("kernel", format!("Linux {}", read_system("/proc/sys/kernel/osrelease")?.trim())),
            ("load before and after", format!("{} and {}", self.load, load()?)),
            ("compiler", output("rustc", &["--version"])?),
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

/// The load of the machine: the mean number of runnable processes over a minute.
fn load() -> Result<String, String> {
    Ok(read_system("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned())
}

/// The measured commit, for example `commit 0a1b2c3`, and whether files differ from it.
fn commit() -> Result<String, String> {
    let described = output("git", &["describe", "--always", "--dirty", "--exclude=*"])?;
    Ok(match described.strip_suffix("-dirty") {
        _ if described.is_empty() => "of no commit".to_owned(),
        Some(commit) => format!("commit {commit} with changes"),
        None => format!("commit {described}"),
    })
}

fn read_system(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}; the benchmarks run on Linux"))
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).current_dir(tree::root()).output();
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

    #[test]
    fn a_cpu_with_ifma_has_both_instruction_sets() {
        assert_eq!(Cpu::of(&["avx2", "avx512f", "avx512ifma"]), Cpu::WithIfma);
        assert_eq!(Cpu::of(&["avx2", "avx512f"]), Cpu::WithoutIfma);
        assert_eq!(Cpu::of(&["avx512ifma_of_another"]), Cpu::WithoutIfma);
    }
}
