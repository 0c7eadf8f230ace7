//! Other people's programs, as witnesses.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs the openssl command on `input` and returns what it prints.
///
/// # Panics
/// If openssl is missing or refuses: a witness that does not speak must not pass for a yes.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the openssl command: install the package openssl (apt, dnf, brew)");
    // A command that reads no input may have closed it by now.
    let _ = child.stdin.take().expect("the input is a pipe").write_all(input);
    let output = child.wait_with_output().expect("openssl was started");
    assert!(
        output.status.success(),
        "openssl {arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
