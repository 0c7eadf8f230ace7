//! Tokens: from an option, the environment, a file or standard input. A text that cannot be a token is refused before the
//! CA is asked. No text of a token is ever shown.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::super::{CliError, Exit, output};

/// The number of digits of a token.
const DIGITS: usize = 32;

/// The token of an enrolment.
#[derive(clap::Args)]
pub(in crate::cli) struct TokenArgs {
    /// The token that the CA's operator gave
    #[arg(long, value_name = "TOKEN", env = "MINIPKI_TOKEN", hide_env_values = true)]
    token: Option<Zeroizing<String>>,
    /// Read the token from this file, and not from --token or the environment; - is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// The token, without blanks and line ends around it. An empty option or variable is no token, an empty file is an
    /// error.
    pub(in crate::cli) fn token(&self) -> Result<Option<Zeroizing<String>>, CliError> {
        let token = match &self.token_file {
            Some(file) => {
                let content = output::read(file)?;
                let text = std::str::from_utf8(&content).map_err(|_| "it is not text".to_owned());
                let token = text.and_then(|text| check(text.trim_start_matches('\u{feff}').trim()));
                token.map_err(|seen| wrong(seen).with(output::name(file)))?
            }
            None => match self.token.as_deref().map(|token| token.trim()) {
                None | Some("") => return Ok(None),
                Some(text) => check(text).map_err(wrong)?,
            },
        };
        Ok(Some(token))
    }
}

/// Checks the form of a token. The error describes the text without showing it.
fn check(text: &str) -> Result<Zeroizing<String>, String> {
    let quotes = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
    let count = text.chars().count();
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    Err(match () {
        () if count == DIGITS && text.chars().all(is_digit) => return Ok(Zeroizing::new(text.to_owned())),
        () if text.is_empty() => "it is empty".to_owned(),
        () if text.starts_with(quotes) || text.ends_with(quotes) => {
            "it has quotation marks around it: leave them out".to_owned()
        }
        () if text.contains(char::is_whitespace) => "it has a blank or a line end inside".to_owned(),
        () if text.chars().all(|c| c.is_ascii_hexdigit())
            && text.contains(|c: char| c.is_ascii_uppercase()) =>
        {
            "it has upper-case letters: write them in lower case".to_owned()
        }
        () if text.chars().all(is_digit) => format!("it has {count} digits"),
        () => {
            format!("it has {count} characters, and some are not digits from 0 to 9 or letters from a to f")
        }
    })
}

/// The error of a text that is not a token.
fn wrong(seen: impl std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Usage,
        format_args!("the token cannot be right: {seen}"),
        format!(
            "copy the whole token: {DIGITS} digits 0-9 and a-f in lower case, as `minipki ca token` prints it"
        ),
    )
}
