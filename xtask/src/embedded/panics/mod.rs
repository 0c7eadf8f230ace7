//! The check that no panic is reachable from the core: it links the core's public functions and finds each call of a panic.
//!
//! The compiler drops a bounds check that it can prove. Every other check is a branch to a panic of the language, and the
//! debug information has its source line. A line of the core is an error. A line of another crate needs a reason in
//! [`exceptions`]. Overflows wrap, as in every release build, so they cause no panic.

mod exceptions;
mod listing;
mod surface;

use std::path::Path;
use std::process::Command;

use super::toolchain::Toolchain;
use crate::command::{execute, need, shown};
use crate::tree;
use exceptions::{EXCEPTIONS, Exception};
use listing::{Call, Frame};

/// The example that calls every public function of the core, and its folder.
const PROBE: &str = "panic_free";
const FOLDER: &str = "core/examples/panic_free";

/// The profile of the example, in the workspace's Cargo.toml.
pub(super) const PROFILE: &str = "panics";

/// Keeps the calls of panics separate: a merged call of two lines has no source line.
const APART: &str = "-Cllvm-args=-enable-tail-merge=0";

const LIST: &str = "xtask/src/embedded/panics/exceptions.rs";
const PACKAGE: &str = "binutils-arm-none-eabi";

/// A function that calls a panic.
#[derive(Debug, PartialEq)]
struct Site {
    place: Frame,
    /// The caller in the core, if the function was inlined there.
    caller: Option<Frame>,
    panic: String,
}

/// Links the example. Errors are a public function that it does not call, an allocator, and a panic without a reason.
pub(super) fn check(toolchain: &Toolchain) -> Result<(), String> {
    let missing = surface::missing(&tree::root().join(FOLDER))?;
    if !missing.is_empty() {
        let missing = missing.join("\n         ");
        return Err(format!("{FOLDER} does not call every public function of the core:\n         {missing}"));
    }
    let mut build = toolchain.cargo("rustc");
    build.args([
        "--locked",
        "--package",
        "minipki-core",
        "--profile",
        PROFILE,
        "--features",
        "async,ecdsa,ed25519",
        "--example",
        PROBE,
        "--",
        APART,
    ]);
    execute(&mut build)?;
    let image = toolchain.output().join(PROFILE).join("examples").join(PROBE);

    let disassembly = binutils("objdump", &["-d", "-C", "--no-show-raw-insn"], &image, &[])?;
    if !disassembly.contains("minipki_core::") {
        return Err(format!("nothing of the core is in {}", image.display()));
    }
    let symbols = binutils("nm", &[], &image, &[])?;
    let allocators = super::allocators(&symbols);
    if !allocators.is_empty() {
        return Err(format!("the core reaches an allocator:\n         {}", allocators.join("\n         ")));
    }
    let calls = listing::calls(&disassembly);
    let addresses: Vec<&str> = calls.iter().map(|call| call.address).collect();
    let lines = binutils("addr2line", &["-a", "-i", "-f", "-C", "-e"], &image, &addresses)?;
    let frames = listing::frames(&lines);
    if frames.len() != calls.len() {
        return Err(format!("addr2line has lines for {} of {} calls", frames.len(), calls.len()));
    }
    let sites: Vec<Site> = calls.iter().zip(frames).map(|(call, frames)| site(call, frames)).collect();
    let errors = compare(&sites, EXCEPTIONS);
    if errors.is_empty() {
        let (calls, functions) = (sites.len(), EXCEPTIONS.len());
        eprintln!(
            "    no panic in the core; {calls} calls in {functions} functions of other crates, each with its reason"
        );
        return Ok(());
    }
    Err(format!("the core can panic, or {LIST} is out of date:\n         {}", errors.join("\n         ")))
}

/// The output of a program of binutils for the image.
fn binutils(program: &str, options: &[&str], image: &Path, addresses: &[&str]) -> Result<String, String> {
    let program = format!("arm-none-eabi-{program}");
    need(&program, PACKAGE)?;
    let mut command = Command::new(program);
    command.args(options).arg(image).args(addresses);
    let line = shown(&command).chars().take(100).collect::<String>();
    let output = command.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The function that a call belongs to: the innermost one outside the language's libraries, or else one inside.
fn site(call: &Call<'_>, mut frames: Vec<Frame>) -> Site {
    let outside = frames.iter().position(|frame| !frame.file.starts_with("library/"));
    let rest = frames.split_off(outside.unwrap_or(frames.len().saturating_sub(1)));
    let mut rest = rest.into_iter();
    let unknown = || Frame { file: "?".into(), function: "?".into(), line: "?".into() };
    let place = rest.next().unwrap_or_else(unknown);
    Site {
        place,
        caller: rest.find(|frame| frame.file.starts_with("core/src/")),
        panic: call.panic.to_owned(),
    }
}

/// The panics without an exception, and the exceptions without a panic.
fn compare(sites: &[Site], exceptions: &[Exception]) -> Vec<String> {
    let listed = |site: &Site, exception: &Exception| {
        site.place.file == exception.file && site.place.function == exception.function
    };
    let mut errors = Vec::new();
    for site in sites.iter().filter(|site| !exceptions.iter().any(|exception| listed(site, exception))) {
        let Site { place: Frame { file, function, line }, caller, panic } = site;
        let caller =
            caller.as_ref().map(|by| format!(", called in {}:{} `{}`", by.file, by.line, by.function));
        errors.push(format!(
            "{file}:{line} `{function}`{} calls {panic}: use get, split_at_checked, first_chunk or an iterator; \
             if that is impossible, list it in {LIST} with the reason why it cannot happen",
            caller.unwrap_or_default()
        ));
    }
    for exception in exceptions.iter().filter(|exception| !sites.iter().any(|site| listed(site, exception))) {
        let Exception { file, function, why } = exception;
        errors
            .push(format!("{file} `{function}` calls no panic any more: delete it from {LIST} (\"{why}\")"));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: [Exception; 1] =
        [Exception { file: "der/src/reader.rs", function: "read_into", why: "bounded" }];

    fn frame(file: &str, function: &str) -> Frame {
        Frame { file: file.into(), function: function.into(), line: "7".into() }
    }

    fn of(frames: &[(&str, &str)]) -> Site {
        let call = Call { address: "8000", panic: "core::option::unwrap_failed" };
        site(&call, frames.iter().map(|(file, function)| frame(file, function)).collect())
    }

    #[test]
    fn a_call_belongs_to_the_innermost_function_outside_the_language() {
        let language = ("library/core/src/slice/index.rs", "index");
        let inlined =
            of(&[language, ("der/src/reader.rs", "read_into"), ("core/src/keys/rsa.rs", "from_spki_der")]);
        assert_eq!(inlined.place, frame("der/src/reader.rs", "read_into"));
        assert_eq!(inlined.caller, Some(frame("core/src/keys/rsa.rs", "from_spki_der")));
        assert_eq!(
            of(&[language, ("library/core/src/fmt/mod.rs", "pad")]).place,
            frame("library/core/src/fmt/mod.rs", "pad")
        );
        assert_eq!(of(&[]).place.file, "?");
    }

    #[test]
    fn a_listed_panic_passes_and_an_unlisted_one_fails_with_its_line() {
        let known = of(&[("der/src/reader.rs", "read_into")]);
        assert_eq!(compare(&[known], &LISTED), [""; 0]);
        let known = of(&[("der/src/reader.rs", "read_into")]);
        let errors = compare(&[known, of(&[("core/src/link.rs", "want")])], &LISTED);
        assert!(
            errors.len() == 1 && errors[0].starts_with("core/src/link.rs:7 `want` calls core::option"),
            "{errors:?}"
        );
    }

    #[test]
    fn an_exception_without_a_panic_fails() {
        let errors = compare(&[], &LISTED);
        assert!(errors.len() == 1 && errors[0].contains("`read_into` calls no panic any more"), "{errors:?}");
    }

    #[test]
    fn every_exception_has_a_reason_and_none_is_in_the_core() {
        for Exception { file, function, why } in EXCEPTIONS {
            assert!(why.len() > 20 && !file.starts_with("core/"), "{file} {function}: {why}");
        }
    }
}
