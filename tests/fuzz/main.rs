//! Runs the fuzz targets without a fuzzer: on their corpora, and then on mutations for a short time.
//!
//! `cargo xtask fuzz SECONDS SEED` sets the time and the seed.

mod mutate;

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use minipki_fuzz::{TARGETS, Target};
use mutate::Mutator;

/// Reads a number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
        Err(_) => default,
    }
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of the fuzz crate");
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "no corpus for {name}");
    for (file, input) in &seeds {
        feed(target, input, file);
    }
    let time = Duration::from_secs(setting("MINIPKI_FUZZ_SECONDS", 2));
    let seed = setting("MINIPKI_FUZZ_SEED", 1);
    let mut mutator = Mutator::new(seed, seeds.into_iter().map(|(_, input)| input).collect());
    let start = Instant::now();
    let mut count = 0_u64;
    while start.elapsed() < time {
        feed(target, mutator.next(), &format!("mutation {count} of seed {seed}"));
        count += 1;
    }
    println!("{name}: corpus and {count} mutations of seed {seed} in {time:?}");
}

/// Runs one input and prints it if a property fails.
fn feed(target: &Target, input: &[u8], origin: &str) {
    if catch_unwind(|| (target.run)(input)).is_err() {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!(
            "{}: {origin} breaks a property. Add it to the corpus: `echo {hex} | xxd -r -p > fuzz/corpus/{}/NAME`",
            target.name, target.name
        );
    }
}

/// The names and contents of the target's corpus and seeds, sorted by name.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let corpus = format!("fuzz/corpus/{}", target.name);
    let mut found = Vec::new();
    for folder in target.seeds.iter().copied().chain([corpus.as_str()]) {
        for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten() {
            let path = entry.expect("a file of the corpus").path();
            found.push((path.display().to_string(), std::fs::read(&path).expect("a readable corpus")));
        }
    }
    found.sort();
    found
}

#[test]
fn frame() {
    run("frame");
}

#[test]
fn json() {
    run("json");
}

#[test]
fn certificate() {
    run("certificate");
}

#[test]
fn status() {
    run("status");
}

#[test]
fn anchor_update() {
    run("anchor_update");
}

#[test]
fn payload() {
    run("payload");
}

#[test]
fn ca_server() {
    run("ca_server");
}

#[test]
fn ca_client() {
    run("ca_client");
}

#[test]
fn channel_responder() {
    run("channel_responder");
}

#[test]
fn batch() {
    run("batch");
}

#[test]
fn x509_certificate() {
    run("x509_certificate");
}

#[test]
fn x509_crl() {
    run("x509_crl");
}

#[test]
fn x509_ocsp() {
    run("x509_ocsp");
}

#[test]
fn x509_ocsp_request() {
    run("x509_ocsp_request");
}

#[test]
fn x509_path() {
    run("x509_path");
}

/// An outdated corpus would still pass, but would not reach the later states of the protocol.
#[test]
fn the_corpus_still_reaches_every_answer_of_a_ca_and_an_open_channel() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        std::fs::read(path).expect("a file of the corpus")
    };
    for (name, proofs) in [
        ("proven", 1),
        ("renewal", 1),
        ("revocation", 1),
        ("all", 1),
        ("proof-of-a-renewal-revokes", 0),
        ("proof-of-a-revocation-renews", 0),
    ] {
        let seen = minipki_fuzz::ca_server(&read(&format!("ca_server/{name}")));
        assert_eq!(seen, proofs, "{name}: see fuzz/src/bin/seeds.rs");
    }
    for name in ["classic", "proven", "renewal", "revocation", "status", "anchors"] {
        let granted = minipki_fuzz::ca_client(&read(&format!("ca_client/{name}")));
        assert!(granted, "{name}: see fuzz/src/bin/seeds.rs");
    }
    let path =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/x509/accept/cross_signed_loop"));
    assert!(minipki_fuzz::x509_path(&path.expect("a path")), "see tests/fixtures/src/x509");
    let vector = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/x509").join(name);
        std::fs::read(path).expect("a vector")
    };
    assert!(minipki_fuzz::x509_crl(&vector("crl/accept-empty")), "see tests/fixtures/src/x509/crl.rs");
    assert!(minipki_fuzz::x509_ocsp(&vector("ocsp/accept-by_key")), "see tests/fixtures/src/x509/ocsp.rs");
    let request = vector("ocsp_request/accept-signed");
    assert!(minipki_fuzz::x509_ocsp_request(&request), "see tests/fixtures/src/x509/ocsp_request.rs");
    for name in ["good", "revoked"] {
        assert!(minipki_fuzz::status(&read(&format!("status/{name}"))), "{name}");
    }
    assert!(minipki_fuzz::anchor_update(&read("anchor_update/update")));
    for (name, accepted) in [("initiator", true), ("responder", true), ("revoked", false), ("alone", false)] {
        assert_eq!(minipki_fuzz::payload(&read(&format!("payload/{name}"))), accepted, "{name}");
    }
    let stapled = read("channel_responder/stapled");
    assert_eq!(minipki_fuzz::channel_responder(&stapled), Some(2), "see fuzz/src/bin/seeds.rs");
    let revoked = read("channel_responder/stapled-revoked");
    assert_eq!(minipki_fuzz::channel_responder(&revoked), None);
    let channel = include_bytes!("../../fuzz/corpus/channel_responder/channel");
    assert_eq!(minipki_fuzz::channel_responder(channel), Some(2), "see fuzz/src/bin/seeds.rs");
    let cut = include_bytes!("../../fuzz/corpus/channel_responder/cut");
    assert_eq!(minipki_fuzz::channel_responder(cut), Some(2));
}

#[test]
fn every_target_can_be_fuzzed_and_is_replayed() {
    let here = include_str!("main.rs");
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for Target { name, .. } in TARGETS {
        assert!(here.contains(&format!("fn {name}()")), "{name} is not replayed");
        assert!(manifest.contains(&format!("fuzz_targets/{name}.rs")), "{name} has no binary for cargo-fuzz");
    }
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    assert_eq!(std::fs::read_dir(targets).expect("the fuzz targets").count(), TARGETS.len());
}
