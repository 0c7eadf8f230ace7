//! Other people's programs, as witnesses.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs the openssl command on `input` and returns what it prints.
///
/// # Panics
/// If openssl is missing or refuses: a witness that does not speak must not pass for a yes.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run_openssl(arguments, input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?} failed: {stderr}");
    output.stdout
}

/// Runs the openssl command on `input`, which it must refuse, and returns what it says of that.
///
/// # Panics
/// If openssl is missing, prints anything or ends well.
pub fn openssl_fails(arguments: &[&str], input: &[u8]) -> String {
    let output = run_openssl(arguments, input);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && stdout.is_empty(), "openssl {arguments:?} did not fail: {stdout}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn run_openssl(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the openssl command: install the package openssl (apt, dnf, brew)");
    // A command that reads no input may have closed it by now.
    let _ = child.stdin.take().expect("the input is a pipe").write_all(input);
    child.wait_with_output().expect("openssl was started")
}
