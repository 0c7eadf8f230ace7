//! Tokens: from an option, the environment, a file or standard input. A text that cannot be a token is refused before the
//! CA is asked. No text of a token is ever shown.

use std::env;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::super::{CliError, Exit, output};

/// The number of digits of a token.
const DIGITS: usize = 32;

/// The environment variable with a token.
const VARIABLE: &str = "MINIPKI_TOKEN";

/// The token of an enrolment.
#[derive(clap::Args)]
pub(in crate::cli) struct TokenArgs {
    /// The token that the CA's operator gave; without it, that of the environment variable MINIPKI_TOKEN
    ///
    /// An empty variable counts as no variable, and a message says so. An empty --token or an empty file is an error.
    // Without the `env` of clap: it makes --token "" and an empty variable the same.
    #[arg(long, value_name = "TOKEN")]
    token: Option<Zeroizing<String>>,
    /// Read the token from this file, and not from --token or the environment; - is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// The token, without blanks and line ends around it. An empty option or file is an error.
    pub(in crate::cli) fn token(&self) -> Result<Option<Zeroizing<String>>, CliError> {
        if let Some(file) = &self.token_file {
            let content = output::read(file)?;
            let text = std::str::from_utf8(&content).map_err(|_| "it is not text".to_owned());
            let token = text.and_then(|text| check(text.trim_start_matches('\u{feff}').trim()));
            return token.map(Some).map_err(|seen| wrong(seen).with(output::name(file)));
        }
        match &self.token {
            Some(token) => check(token.trim()).map(Some).map_err(|seen| wrong(seen).with("--token")),
            None => of_environment(),
        }
    }
}

/// The token of the environment. An empty variable is no token.
fn of_environment() -> Result<Option<Zeroizing<String>>, CliError> {
    let Some(value) = env::var_os(VARIABLE) else { return Ok(None) };
    let value = Zeroizing::new(value.into_encoded_bytes());
    let text = std::str::from_utf8(&value).map_err(|_| wrong("it is not text").with(VARIABLE))?.trim();
    if text.is_empty() {
        output::say(format_args!("{VARIABLE} is empty: this request has no token"));
        return Ok(None);
    }
    check(text).map(Some).map_err(|seen| wrong(seen).with(VARIABLE))
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
