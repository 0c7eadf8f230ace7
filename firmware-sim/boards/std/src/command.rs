//! The program without its process: arguments, configuration and run.

use std::ffi::OsString;
use std::fmt;
use std::net::ToSocketAddrs;
use std::path::PathBuf;

use minipki_device_app::{Config, Exit, Memory};

use crate::board::{StdBoard, Timekeeping};
use crate::storage::{Folder, Storage};

/// The syntax of the arguments: the application's, and those of this board.
pub const USAGE: &str = "\
--ca HOST:PORT --fingerprint HEX --subject NAME [--token TOKEN]
  [--connect HOST:PORT | --listen HOST:PORT] [--peer-subject NAME] [--send TEXT] [--deadline SECONDS]
  [--require-status | --max-status-age SECONDS]
  [--store FOLDER]   the device's own folder, which keeps the key, the certificate, its status and the time for the next run;
                     without it, the name is lost if an answer of the CA is lost
  [--no-clock]       runs as on a board without a clock";

/// The reason why a device was not started, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// An error in the arguments; [`USAGE`] is printed with it.
    Usage(String),
    /// An error of the folder.
    Storage(String),
}

impl StartError {
    /// The exit code of the program.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Storage(_) => Exit::Storage,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => write!(f, "{error}\n\nusage: minipki-device {USAGE}"),
            Self::Storage(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for StartError {}

/// Runs a device with the arguments `words`; `report` gets each line of its report.
///
/// # Errors
/// [`StartError`].
pub fn run(
    words: impl IntoIterator<Item = OsString>,
    report: impl FnMut(fmt::Arguments<'_>) + Send,
) -> Result<Exit, StartError> {
    let text = |word: OsString| word.into_string().map_err(|word| format!("{word:?} is not UTF-8"));
    let words = words.into_iter().map(text).collect::<Result<Vec<_>, _>>().map_err(StartError::Usage)?;
    let (time, store, words) = board(words).map_err(StartError::Usage)?;
    let config = Config::parse(words.iter().map(String::as_str))
        .map_err(|error| StartError::Usage(error.to_string()))?;
    let storage = match store {
        Some(path) => Storage::Folder(Folder::open(&path).map_err(StartError::Storage)?),
        None => Storage::Nowhere,
    };
    let mut board = StdBoard::new(time, storage, report);
    Ok(minipki_device_app::run(&config, &mut Memory::new(), &mut board))
}

/// Removes the board's own options, and replaces host names by addresses, since a device has no resolver.
fn board(
    words: impl IntoIterator<Item = String>,
) -> Result<(Timekeeping, Option<PathBuf>, Vec<String>), String> {
    let (mut time, mut store, mut rest) = (Timekeeping::Clock, None, Vec::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--no-clock" => time = Timekeeping::None,
            // It has no value.
            "--require-status" => rest.push(word),
            "--store" => store = Some(words.next().ok_or("--store needs a value")?.into()),
            "--ca" | "--connect" | "--listen" => {
                rest.push(word);
                if let Some(value) = words.next() {
                    rest.push(resolve(&value)?);
                }
            }
            _ => {
                rest.push(word);
                // The value, which is not an option.
                rest.extend(words.next());
            }
        }
    }
    Ok((time, store, rest))
}

fn resolve(address: &str) -> Result<String, String> {
    let found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.next();
    found.map(|found| found.to_string()).ok_or_else(|| format!("{address} has no address"))
}
