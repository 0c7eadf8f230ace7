//! The absolute paths in the tokens of a source file: use trees and inline paths.

/// A token of a path. Every other token is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Separator,
    Open,
    Close,
    Comma,
    Other,
}

/// The paths in `text`, the source of `module`, with their lines.
pub(super) fn used(module: &[String], text: &str) -> Vec<(usize, String)> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut inner: Vec<(&str, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while let Some(&(line, token)) = tokens.get(at) {
        let next = |n: usize| tokens.get(at + n).map(|(_, token)| *token);
        match (token, next(1), next(2)) {
            (Token::Word("mod"), Some(Token::Word(name)), Some(Token::Open)) => {
                depth += 1;
                inner.push((name, depth));
                at += 3;
                continue;
            }
            (Token::Open, ..) => depth += 1,
            (Token::Close, ..) => {
                inner.pop_if(|(_, opened)| *opened == depth);
                depth = depth.saturating_sub(1);
            }
            (Token::Word(first), Some(Token::Separator), _) => {
                let mut here: Vec<&str> = module.iter().map(String::as_str).collect();
                here.extend(inner.iter().map(|(name, _)| *name));
                let start = at;
                let mut relative = Vec::new();
                at = tree(&tokens, at, &mut Vec::new(), &mut relative);
                let absolute = relative.iter().filter_map(|path| absolute(&here, path));
                found.extend(absolute.map(|path| (line, path)));
                debug_assert!(at > start, "{first}");
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads a path or a use tree at `at`, adds its leaves, and returns the position after it.
fn tree<'a>(
    tokens: &[(usize, Token<'a>)],
    mut at: usize,
    stem: &mut Vec<&'a str>,
    leaves: &mut Vec<Vec<&'a str>>,
) -> usize {
    let length = stem.len();
    let token = |at: usize| tokens.get(at).map(|(_, token)| *token);
    loop {
        match token(at) {
            Some(Token::Word(word)) => {
                stem.push(word);
                at += 1;
                if token(at) == Some(Token::Separator) {
                    at += 1;
                    continue;
                }
                leaves.push(stem.clone());
            }
            Some(Token::Open) => {
                at += 1;
                while !matches!(token(at), None | Some(Token::Close)) {
                    let from = at;
                    if matches!(token(at), Some(Token::Word(_))) {
                        at = tree(tokens, at, stem, leaves);
                    }
                    // The rest of a leaf (`as name`, `*`) up to its comma.
                    while !matches!(token(at), None | Some(Token::Comma | Token::Close)) {
                        at += 1;
                    }
                    at += usize::from(token(at) == Some(Token::Comma) || at == from);
                }
                at += 1;
            }
            // A glob or a turbofish: the path ends before it.
            _ => leaves.push(stem.clone()),
        }
        break;
    }
    stem.truncate(length);
    at
}

/// The path from the crate's root for `path`, used in module `here`. `None` for the root itself.
fn absolute(here: &[&str], path: &[&str]) -> Option<String> {
    let mut base = here;
    let mut rest = path;
    let (first, tail) = path.split_first()?;
    match *first {
        "crate" => {
            base = &[];
            rest = tail;
        }
        "self" => rest = tail,
        "super" => {}
        _ => return Some(path.join("::")),
    }
    while let Some(("super", tail)) = rest.split_first().map(|(first, tail)| (*first, tail)) {
        base = base.split_last().map_or(&[], |(_, parents)| parents);
        rest = tail;
    }
    let whole: Vec<&str> = base.iter().chain(rest).copied().filter(|segment| *segment != "self").collect();
    (!whole.is_empty()).then(|| format!("crate::{}", whole.join("::")))
}

/// The tokens of a source with their lines, without comments.
fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (token, length) = if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, comment(rest))
        } else if let Some(length) = string(rest) {
            (Some(Token::Other), length)
        } else if is_word(c) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (Some(Token::Word(rest.get(..length).unwrap_or(rest))), length)
        } else if rest.starts_with("::") {
            (Some(Token::Separator), 2)
        } else {
            let token = match c {
                '{' => Some(Token::Open),
                '}' => Some(Token::Close),
                ',' => Some(Token::Comma),
                c if c.is_whitespace() => None,
                _ => Some(Token::Other),
            };
            (token, c.len_utf8())
        };
        tokens.extend(token.map(|token| (line, token)));
        let (passed, after) = rest.split_at(length);
        line += passed.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the block comment at the start of `text`. Block comments nest.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string, the character or the quote of a lifetime at the start of `text`.
fn string(text: &str) -> Option<usize> {
    let body = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - body.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw.get(hashes..)?.strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(text.len() - inner.len() + inner.find(&end).map_or(inner.len(), |at| at + end.len()));
    }
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = body.get(1..)?;
    if quote == '\'' && !inner.starts_with('\\') && inner.chars().nth(1) != Some('\'') {
        return Some(prefix + 1); // a lifetime: its name is the next word
    }
    let mut escaped = false;
    let end = inner.find(|c| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    Some(prefix + 1 + end.map_or(inner.len(), |at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        used(&["encoding".to_owned(), "json".to_owned()], text).into_iter().map(|(_, path)| path).collect()
    }

    #[test]
    fn trees_are_flattened() {
        assert_eq!(
            all("use crate::{a::{self, B as C, d::*}, e};"),
            ["crate::a", "crate::a::B", "crate::a::d", "crate::e"]
        );
        assert_eq!(
            all("use std::{fmt, io::{Read, Write}};"),
            ["std::fmt", "std::io::Read", "std::io::Write"]
        );
    }

    #[test]
    fn relative_paths_are_resolved() {
        assert_eq!(all("use super::base64;"), ["crate::encoding::base64"]);
        assert_eq!(all("use super::super::cert::Id;"), ["crate::cert::Id"]);
        assert_eq!(
            all("mod tests { use super::Form; } use super::pem;"),
            ["crate::encoding::json::Form", "crate::encoding::pem"]
        );
        assert_eq!(all("use self::inner::X;"), ["crate::encoding::json::inner::X"]);
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let text = "/* a\n/* b */\n*/ const A: &str = \"x\n\\\" crate::no::X\"; const B: char = '\"';\nfn f<'a>() { r#\"\n\"crate::no\"\n\"#; crate::yes::f::<u8>() }";
        assert_eq!(used(&[], text), [(7, "crate::yes::f".to_owned())]);
    }
}
