//! The properties of any input: one function for each fuzz target.
//!
//! No input may panic, and each function states more properties of the inputs that the core accepts. The functions run
//! under libFuzzer (`fuzz_targets/`). As tests of the workspace (`tests/fuzz`) they run on a stable compiler, with the
//! corpora and for a short random run.

mod anchor_update;
mod batch;
mod ca_client;
mod ca_server;
mod certificate;
mod channel_responder;
mod frame;
mod json;
mod payload;
pub mod peers;
mod status;
pub mod stream;
mod x509_certificate;
mod x509_crl;
mod x509_ocsp;
mod x509_ocsp_request;
mod x509_path;

pub use anchor_update::anchor_update;
pub use batch::batch;
pub use ca_client::ca_client;
pub use ca_server::ca_server;
pub use certificate::certificate;
pub use channel_responder::channel_responder;
pub use frame::frame;
pub use json::json;
pub use payload::payload;
pub use status::status;
pub use x509_certificate::x509_certificate;
pub use x509_crl::x509_crl;
pub use x509_ocsp::x509_ocsp;
pub use x509_ocsp_request::x509_ocsp_request;
pub use x509_path::x509_path;

/// A fuzz target.
pub struct Target {
    /// The name of the target, of its file in `fuzz_targets/` and of its folder in `corpus/`.
    pub name: &'static str,
    /// Panics on an input for which its properties do not hold.
    pub run: fn(&[u8]),
    /// Folders of more first inputs, relative to the project's root.
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
    target("anchor_update", |data| _ = anchor_update(data), &[]),
    target("status", |data| _ = status(data), &["vectors/status/accept", "vectors/status/refuse"]),
    target("payload", |data| _ = payload(data), &[]),
    target("ca_server", |data| _ = ca_server(data), &[]),
    target("ca_client", |data| _ = ca_client(data), &[]),
    target("channel_responder", |data| _ = channel_responder(data), &[]),
    target("batch", batch, &[]),
    target(
        "x509_certificate",
        |data| _ = x509_certificate(data),
        &["vectors/x509/malformed", "vectors/x509/accept"],
    ),
    target("x509_crl", |data| _ = x509_crl(data), &["vectors/x509/crl"]),
    target("x509_ocsp", |data| _ = x509_ocsp(data), &["vectors/x509/ocsp"]),
    target("x509_ocsp_request", |data| _ = x509_ocsp_request(data), &["vectors/x509/ocsp_request"]),
    target("x509_path", |data| _ = x509_path(data), &["vectors/x509/accept", "vectors/x509/refuse"]),
];
