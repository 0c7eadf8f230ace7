//! The files under `vectors/`.

use std::fs;
use std::path::{Path, PathBuf};

/// The place of a file or folder of `vectors/`.
pub fn vector_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(name)
}

/// All files of a folder of `vectors/`, by name, in order.
///
/// # Panics
/// If there are none: a test over nothing proves nothing.
pub fn vectors(folder: &str) -> Vec<(String, Vec<u8>)> {
    let path = vector_path(folder);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("the folder can be listed");
            let name = entry.file_name().into_string().expect("names are ASCII");
            (name, fs::read(entry.path()).expect("the file can be read"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", path.display());
    files
}
