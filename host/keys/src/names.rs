//! The names of the files in the folder of a CA. Those of the private keys:
//!
//! | file | key |
//! | --- | --- |
//! | `ca-key.pem` | the present key, which signs certificates |
//! | `ca-key-HEX.pem` | a former key, which states the status of its certificates; HEX: 16 digits of its fingerprint |
//! | `ca-key-next.pem` | the key that an unfinished change of the key will make the present one |
//!
//! One passphrase encrypts all of them. No file is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minipki_core::keys::Fingerprint;

/// The file of the public key.
pub const PUBLIC_KEY_FILE: &str = "ca-public.pem";
/// The file of the anchor.
pub const ANCHOR_FILE: &str = "anchor.json";
/// The file of the present private key.
pub const KEY_FILE: &str = "ca-key.pem";
/// The file of the private key that an unfinished change of the key will make the present one.
pub const NEXT_KEY_FILE: &str = "ca-key-next.pem";

/// The digits of the fingerprint in the name of the file of a former key.
const DIGITS: usize = 16;

/// The name of the file of a former private key.
pub fn former_key_file(key: &Fingerprint) -> String {
    let digits: String = key.to_string().chars().take(DIGITS).collect();
    format!("ca-key-{digits}.pem")
}

/// Whether a file of this name has a former private key.
pub fn is_former_key_file(name: &str) -> bool {
    let digits = name.strip_prefix("ca-key-").and_then(|rest| rest.strip_suffix(".pem"));
    digits.is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The files in the folder `path` of all private keys except the present one, in the order of their names.
///
/// # Errors
/// The error of the file system.
pub(super) fn other_key_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| name == NEXT_KEY_FILE || is_former_key_file(name)) {
            found.push(path.join(name));
        }
    }
    found.sort();
    Ok(found)
}
