//! The name of a file that a command makes.

use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

/// Parses the name of a new file. `-` is refused: these commands do not write to standard output.
pub(in crate::cli) fn new_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|file| {
        if file == Path::new("-") {
            return Err(
                "this cannot go to standard output: give the name of a new file (./- is a file named -)",
            );
        }
        Ok(file)
    })
}
