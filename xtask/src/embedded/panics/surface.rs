//! The check that an example names every public function of the core.

use std::path::Path;

use crate::tree;

const CORE: &str = "core/src";

/// Folders of internal code, which is public only for tests.
const HIDDEN: [&str; 2] = ["core/src/crypto/rsa/arith/", "core/src/crypto/x25519/curve32/"];

/// The public functions that the files in `example` do not name.
pub(super) fn missing(example: &Path) -> Result<Vec<String>, String> {
    let mut named = String::new();
    for path in tree::files(example, "rs") {
        named += &tree::read(&path)?;
    }
    let mut missing = Vec::new();
    for path in tree::files(&tree::root().join(CORE), "rs") {
        let file = tree::name(&path);
        if !HIDDEN.iter().any(|hidden| file.starts_with(hidden)) {
            missing.extend(unnamed(&file, &tree::read(&path)?, &named));
        }
    }
    Ok(missing)
}

/// The public functions of a file that `named` does not contain. A function of a type counts as `Type::function`, another
/// function with the name of its file or of the file's folder.
fn unnamed(file: &str, source: &str, named: &str) -> Vec<String> {
    let mut owner = None;
    let mut missing = Vec::new();
    for line in source.lines() {
        if line.starts_with("impl") && !line.ends_with("{}") {
            owner = Some(implemented(line));
        } else if line == "}" {
            owner = None;
        }
        let Some(rest) = ["pub fn ", "pub const fn ", "pub async fn "]
            .iter()
            .find_map(|begin| line.trim_start().strip_prefix(begin))
        else {
            continue;
        };
        let function = word(rest);
        let mut folders = file.trim_end_matches(".rs").rsplit('/');
        let paths: Vec<String> = match owner {
            Some(owner) => vec![format!("{owner}::{function}")],
            None => folders.by_ref().take(2).map(|module| format!("{module}::{function}")).collect(),
        };
        if !paths.iter().any(|path| names(named, path)) {
            missing.push(format!("{file}: `{}`", paths.join("` or `")));
        }
    }
    missing
}

/// The type of `impl<B: AsRef<[u8]>> LinkOver<B> {`.
fn implemented(line: &str) -> &str {
    let mut depth = 0;
    let rest = line["impl".len()..].trim_start_matches(|character| {
        depth += i32::from(character == '<');
        let within = depth > 0 || character == ' ';
        depth -= i32::from(character == '>');
        within
    });
    word(rest)
}

fn word(text: &str) -> &str {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap_or_default()
}

/// Whether `text` contains `path`, and not only as a part of a longer path.
fn names(text: &str, path: &str) -> bool {
    let apart = |character: Option<char>| !character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(path)
        .any(|(at, _)| apart(text[..at].chars().next_back()) && apart(text[at + path.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "impl core::error::Error for JsonError {}\npub fn check(text: &str) {}\n\
        impl<B: AsRef<[u8]> + AsMut<[u8]>, M: Machine> LinkOver<B, M> {\n    pub const fn machine(&self) -> &M {}\n    \
        pub(super) fn cut(&self) {}\n}\npub async fn last() {}\n";

    #[test]
    fn a_public_function_is_named_with_its_type_or_its_module() {
        let missing = |named| unnamed("core/src/encoding/json.rs", SOURCE, named).len();
        assert_eq!(missing(""), 3);
        assert_eq!(missing("json::check(x); LinkOver::machine(&link); encoding::last()"), 0);
        assert_eq!(missing("json::checks(x); Over::machine(&link); preencoding::last()"), 3);
    }
}
