//! What must hold for any input whatever: one function for each fuzz target.
//!
//! Not to panic is the least of it; each function states what else is true of
//! whatever the core accepts. They run under libFuzzer (`fuzz_targets/`) and,
//! on a stable compiler with the corpora and a short random run, as tests of
//! the workspace (`tests/fuzz`).

mod json;

pub use json::json;

/// A fuzz target.
pub struct Target {
    /// Its name: that of the file in `fuzz_targets/` and of the folder in `corpus/`.
    pub name: &'static str,
    /// Fails, by a panic, on an input for which its properties do not hold.
    pub run: fn(&[u8]),
    /// Folders of good first inputs beside its corpus, from the project's root.
    pub seeds: &'static [&'static str],
}

/// Every fuzz target.
pub const TARGETS: &[Target] =
    &[Target { name: "json", run: json, seeds: &["vectors/json/accept", "vectors/json/refuse"] }];
