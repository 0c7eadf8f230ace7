//! What must hold for any input whatever: one function for each fuzz target.
//!
//! Not to panic is the least of it; each function states what else is true of
//! whatever the core accepts. They run under libFuzzer (`fuzz_targets/`) and,
//! on a stable compiler with the corpora and a short random run, as tests of
//! the workspace (`tests/fuzz`).

mod batch;
mod certificate;
mod channel_responder;
mod enrol_server;
mod frame;
mod json;
pub mod peers;
pub mod stream;

pub use batch::batch;
pub use certificate::certificate;
pub use channel_responder::channel_responder;
pub use enrol_server::enrol_server;
pub use frame::frame;
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

const fn target(name: &'static str, run: fn(&[u8]), seeds: &'static [&'static str]) -> Target {
    Target { name, run, seeds }
}

/// Every fuzz target.
pub const TARGETS: &[Target] = &[
    target("frame", frame, &[]),
    target("json", json, &["vectors/json/accept", "vectors/json/refuse"]),
    target("certificate", certificate, &["vectors/cert/accept", "vectors/cert/refuse"]),
    target("enrol_server", |data| _ = enrol_server(data), &[]),
    target("channel_responder", |data| _ = channel_responder(data), &[]),
    target("batch", batch, &[]),
];
