//! The program, apart from the process it runs in.

use std::fmt;
use std::net::ToSocketAddrs;

use minipki_core::text::UnixTime;
use minipki_device_app::{Config, Exit, Memory};

use crate::board::{StdBoard, Timekeeping};
use crate::storage::Storage;

/// How the words are to be written: the application's, and those of this board.
pub const USAGE: &str = "\
--ca HOST:PORT --fingerprint HEX --subject NAME [--token TOKEN]
  [--connect HOST:PORT | --listen HOST:PORT] [--peer-subject NAME] [--send TEXT] [--deadline SECONDS]
  [--store FOLDER]   keeps the identity for the next run
  [--no-clock]       as on a board that has none";

/// Runs a device as `words` say; each line of its report goes to `report`.
///
/// # Errors
/// What is wrong with the words, for a person.
pub fn run(
    words: impl IntoIterator<Item = String>,
    report: impl FnMut(fmt::Arguments<'_>) + Send,
) -> Result<Exit, String> {
    let (time, storage, words) = board(words)?;
    let config = Config::parse(words.iter().map(String::as_str)).map_err(|error| error.to_string())?;
    let mut board = StdBoard::new(time, storage, report);
    Ok(minipki_device_app::run(&config, &mut Memory::new(), &mut board))
}

/// Takes out the board's own options, and puts addresses in the place of host names: a device has no resolver.
fn board(words: impl IntoIterator<Item = String>) -> Result<(Timekeeping, Storage, Vec<String>), String> {
    let (mut time, mut storage, mut rest) = (Timekeeping::Clock, Storage::Nowhere, Vec::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--no-clock" => time = Timekeeping::AtLeast(UnixTime::MIN),
            "--store" => storage = Storage::Folder(words.next().ok_or("--store needs a value")?.into()),
            "--ca" | "--connect" | "--listen" => {
                rest.push(word);
                if let Some(value) = words.next() {
                    rest.push(resolve(&value)?);
                }
            }
            _ => {
                rest.push(word);
                // A value is never taken for an option.
                rest.extend(words.next());
            }
        }
    }
    Ok((time, storage, rest))
}

fn resolve(address: &str) -> Result<String, String> {
    let found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.next();
    found.map(|found| found.to_string()).ok_or_else(|| format!("{address} has no address"))
}
