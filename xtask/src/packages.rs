//! Debian packages that a task needs: installed where we may, named where we may not.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::steps::execute;

/// Installs `packages` by apt-get when root; else says which command does.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("apt-get install {}", packages.join(" "));
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root || !exists("apt-get") {
        return Err(format!("missing packages: `sudo {by_hand}`"));
    }
    let apt = |arguments: &[&str]| {
        execute(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    let install: Vec<&str> =
        ["install", "-y", "-q", "--no-install-recommends"].iter().chain(packages).copied().collect();
    // An old list would bring an old version: one too old to build with, say. Without a network it must do.
    let _ = apt(&["update", "-q"]);
    apt(&install).map_err(|e| format!("{e}; by hand: `{by_hand}`"))
}

/// Sees to it that `program`, which comes with `package`, is there.
pub(crate) fn need(program: &str, package: &str) -> Result<(), String> {
    if exists(program) { Ok(()) } else { install(&[package]) }
}

/// Sees to it that programs can be linked with OpenSSL.
pub(crate) fn need_openssl_library() -> Result<(), String> {
    let found = Command::new("pkg-config").args(["--exists", "openssl"]).status();
    if found.is_ok_and(|status| status.success()) { Ok(()) } else { install(&["libssl-dev", "pkg-config"]) }
}

fn exists(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
