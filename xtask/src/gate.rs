//! `cargo xtask test`: everything a change must pass, quickest first.

use crate::embedded::firmware;
use crate::steps::{Steps, cargo, execute};
use crate::{
    bench, budgets, constant_time, device, embedded, fuzz, instructions, packages, publish, screenshots,
    structure, vectors,
};

pub(crate) fn run() -> Result<(), String> {
    let mut steps = Steps::new();
    steps.run("programs", "install what is named", || {
        packages::need("openssl", "openssl")?;
        packages::need("strace", "strace")?;
        packages::need_openssl_library()?;
        screenshots::need_browser()
    })?;
    steps.run("format", "run `cargo fmt --all`, in fuzz and the firmware too", || {
        execute(&mut cargo(&["fmt", "--all", "--check"]))?;
        execute(&mut cargo(&["fmt", "--all", "--check", "--manifest-path", fuzz::MANIFEST]))?;
        execute(&mut cargo(&["fmt", "--all", "--check", "--manifest-path", firmware::MANIFEST]))
    })?;
    steps.run(
        "structure",
        "each line above names the file and the rule; the rules are in xtask/src/structure",
        structure::run,
    )?;
    steps.run(
        "vectors",
        "give each file under vectors/ a row in vectors/README.md, and a test",
        vectors::run,
    )?;
    steps.run("clippy", "mend what clippy names; an exception needs a reason beside it", || {
        execute(&mut cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        device::lint()?;
        fuzz::lint()
    })?;
    steps.run("documentation", "mend what rustdoc names: a dead link or a missing page", || {
        execute(cargo(&["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.run("embedded", "run it alone: `cargo xtask embedded`; \"can't find crate for `alloc`\" means that a dependency wants a heap, a call of a panic what its line says", embedded::run)?;
    steps.run(
        "package",
        "run it alone: `cargo xtask package`; a file that it misses may lie outside the crate, or be excluded in its Cargo.toml",
        publish::run,
    )?;
    steps.run("tests", "run the failing one alone: `cargo test --workspace NAME`", || {
        execute(&mut cargo(&["test", "--locked", "--workspace"]))
    })?;
    steps.run("benches", "run the failing one alone: `cargo test --workspace --bench NAME`", bench::smoke)?;
    steps.run(
        "constant-time",
        "run it alone: `cargo xtask constant-time`; let a `subtle::Choice` decide where a branch or an index was, and where what is decided may be public, `minipki_core::bytes::declassify`",
        constant_time::run,
    )?;
    steps.run(
        "instructions",
        "find what made a path slower; if it is worth it, or a path became quicker: `cargo xtask instructions --bless`",
        || instructions::run(false),
    )?;
    steps.run(
        "device",
        "run one alone: `cargo xtask device --check NAME`; to watch it: `cargo xtask device`",
        || device::check(&[], false),
    )?;
    steps.run(
        "budgets",
        "run it alone: `cargo xtask budgets`, which also writes docs/budgets.md anew; a ceiling is there to be kept",
        budgets::check,
    )?;
    steps.summary();
    Ok(())
}
