//! Passphrases typed at a terminal, without echo.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{CliError, Exit, interrupted};
use minipki_passphrase::{MAX, Passphrase};

/// The character of Ctrl-C.
const CTRL_C: u8 = 3;

/// The terminal of this process, without echo until this is dropped.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        // Ctrl-C ends the line instead of the program, so that the echo is always switched on again.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        silent.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        silent.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        // Discards what was typed before the question.
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Whether somebody is at a terminal.
pub(super) fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// Asks `question` at the terminal of this process.
///
/// # Errors
/// An error without a terminal, for a line that is no passphrase, and after Ctrl-C.
pub(super) fn ask(question: &str) -> Result<Passphrase, CliError> {
    let line = read(question).map_err(|error| {
        let next = "give the passphrase with --passphrase-file FILE or --passphrase-fd N";
        CliError::new(Exit::Failed, format_args!("the terminal cannot be used: {error}"), next)
    })?;
    if line.last() == Some(&CTRL_C) {
        return interrupted("Ctrl-C");
    }
    Ok(Passphrase::new(line)?)
}

/// Asks for a new passphrase, twice.
///
/// # Errors
/// As [`ask`]; an error if the two differ.
pub(super) fn ask_new(question: &str) -> Result<Passphrase, CliError> {
    let passphrase = ask(question)?;
    if passphrase == ask("The same again: ")? {
        return Ok(passphrase);
    }
    Err(CliError::new(Exit::Failed, "the two passphrases differ", "try again"))
}

fn read(question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let silent = Silent::new(OpenOptions::new().read(true).write(true).open("/dev/tty")?)?;
    (&silent.terminal).write_all(question.as_bytes())?;
    // One call reads at most one line. The rest of a line that is too long is discarded.
    let mut line = Zeroizing::new(vec![0; MAX + 2]);
    let len = (&silent.terminal).read(&mut line)?;
    line.truncate(len);
    Ok(line)
}
