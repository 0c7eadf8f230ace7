//! `--yes`: the question before an act that nobody can undo.

use std::io::{self, IsTerminal, Write};

use super::{CliError, Exit, output};

/// The option that answers the question.
#[derive(clap::Args)]
pub(super) struct ConfirmArgs {
    /// Do not ask for a confirmation
    ///
    /// Only a person is asked, and only before an act that nobody can undo: if standard input is a terminal. A script is
    /// not asked, and needs no --yes.
    #[arg(long)]
    yes: bool,
}

impl ConfirmArgs {
    /// Shows `consequence` to the person at the terminal, and asks. A script is not asked.
    ///
    /// # Errors
    /// Another answer than `yes`; the error of the terminal.
    pub(super) fn ask(&self, consequence: &str) -> Result<(), CliError> {
        if self.yes || !io::stdin().is_terminal() {
            return Ok(());
        }
        output::say(consequence);
        let mut stderr = io::stderr();
        let _ = write!(stderr, "Type yes to go on: ").and_then(|()| stderr.flush());
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        if line.trim() == "yes" {
            return Ok(());
        }
        Err(CliError::new(Exit::Interrupted, "nothing was changed", "run the command again, and type yes"))
    }
}
