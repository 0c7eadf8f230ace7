//! The command line that was typed: its error does not repeat an argument that may be a token, and a tip names the right
//! command if only the word `ca` is missing or too much.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{CommandFactory, Parser};

use super::Cli;
use minipki_os::files::quoted;

/// The word in front of the commands for the operator of a CA.
const CA: &str = "ca";

/// Reads the command line. Ends the program if it is wrong.
pub(super) fn parse() -> Cli {
    let typed: Vec<_> = env::args_os().collect();
    Cli::try_parse_from(&typed).unwrap_or_else(|mut error| {
        hide_secret(&mut error);
        suggest(&mut error, &typed);
        error.exit()
    })
}

/// Removes an argument that may be a token from `error`.
fn hide_secret(error: &mut Error) {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let secret = match error.kind() {
        ErrorKind::ValueValidation if argument.starts_with("--fingerprint") => {
            Some(ContextKind::InvalidValue)
        }
        ErrorKind::UnknownArgument if !argument.starts_with('-') => Some(ContextKind::InvalidArg),
        _ => None,
    };
    if let Some(secret) = secret {
        error.insert(secret, ContextValue::String("...".to_owned()));
    }
}

/// Adds a tip to `error` if another command was meant: `minipki ca serve` instead of `minipki serve`, or the reverse.
fn suggest(error: &mut Error, typed: &[OsString]) {
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && argument == "--json"
    {
        let tip = StyledStr::from("this command prints no JSON with --json");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
        return;
    }
    if !matches!(
        error.kind(),
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument
    ) {
        return;
    }
    let Some((place, other)) = other_level(typed) else { return };
    // A command with a token is not repeated.
    let has_token = typed.iter().any(|word| word.to_string_lossy().starts_with("--token"));
    let parsed = Cli::try_parse_from(&other).err();
    let is_right = parsed.as_ref().is_none_or(|error| error.kind() == ErrorKind::DisplayHelp);
    let (tips, is_sure) = match parsed {
        _ if is_right && !has_token => (vec![shell(&other)], true),
        Some(_) if error.kind() != ErrorKind::InvalidSubcommand => return,
        parsed => usages(&other, place, parsed),
    };
    let own = error.get(ContextKind::SuggestedSubcommand).is_some();
    if tips.is_empty() || (own && !is_sure) {
        return;
    }
    // clap suggests only similar commands of the level that was typed.
    error.remove(ContextKind::SuggestedSubcommand);
    let tips = tips.into_iter().map(|tip| StyledStr::from(format!("write {tip}"))).collect();
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}

/// `typed` with the word `ca` in front of its command, or without it; and the place of the command.
fn other_level(typed: &[OsString]) -> Option<(usize, Vec<OsString>)> {
    let mut place = 1;
    while let Some(option) =
        typed.get(place).and_then(|word| word.to_str()).filter(|word| word.starts_with('-'))
    {
        // The only option before a command has a value.
        place += if option == "--provider" { 2 } else { 1 };
    }
    let mut other = typed.to_vec();
    if typed.get(place)? == CA {
        other.remove(place);
    } else {
        other.insert(place, CA.into());
        place += 1;
    }
    Some((place, other))
}

/// The usage of the command that `typed` names at `place`, or of similar commands; and whether it is surely meant.
/// `error` is the error of `typed`.
fn usages(typed: &[OsString], place: usize, error: Option<Error>) -> (Vec<String>, bool) {
    let mut root = Cli::command();
    root.build();
    let under_ca = place.checked_sub(1).and_then(|before| typed.get(before)).is_some_and(|word| word == CA);
    let level = if under_ca { root.find_subcommand_mut(CA) } else { Some(&mut root) };
    let word = typed.get(place).and_then(|word| word.to_str());
    let (Some(level), Some(word)) = (level, word) else { return (Vec::new(), false) };
    let is_known = level.find_subcommand(word).is_some();
    let names = match error.and_then(|error| error.get(ContextKind::SuggestedSubcommand).cloned()) {
        _ if is_known => vec![word.to_owned()],
        Some(ContextValue::String(name)) => vec![name],
        Some(ContextValue::Strings(names)) => names,
        _ => Vec::new(),
    };
    let is_sure = is_known || names.iter().any(|name| word.strip_prefix(name.as_str()) == Some("s"));
    let usage = |name: &String| {
        let usage = level.find_subcommand_mut(name)?.render_usage().to_string();
        Some(usage.trim_start_matches("Usage: ").replace("[OPTIONS] ", "").replace(" [OPTIONS]", ""))
    };
    (names.iter().filter_map(usage).collect(), is_sure)
}

/// `words`, as a shell reads them.
fn shell(words: &[OsString]) -> String {
    let words = words.iter().skip(1).map(|word| quoted(Path::new(word)).to_string());
    ["minipki".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}
