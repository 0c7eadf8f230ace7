//! The report of the demo: numbered steps, checks, and times.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use super::super::{CliError, output};
use minipki_net::trace::explain::hex;
use minipki_net::trace::{Printer, Tap};

const HEADING: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Writes the steps, and measures their times.
pub(super) struct Report {
    trace: bool,
    step: usize,
    started: Instant,
    times: Vec<(&'static str, Duration)>,
}

impl Report {
    /// An empty report. With `trace`, it also shows each message.
    pub(super) fn new(trace: bool) -> Self {
        Self { trace, step: 0, started: Instant::now(), times: Vec::new() }
    }

    /// Begins the next step.
    pub(super) fn begin(&mut self, title: &str) -> Result<(), CliError> {
        self.step += 1;
        let step = self.step;
        output::data(|out| writeln!(out, "{HEADING}{step}. {title}{HEADING:#}"))?;
        self.gap()?;
        self.started = Instant::now();
        Ok(())
    }

    /// Ends the step. `name` is its name in the table of times.
    pub(super) fn end(&mut self, name: &'static str) -> Result<(), CliError> {
        self.times.push((name, self.started.elapsed()));
        output::data(|out| writeln!(out))
    }

    /// The printer of the messages between `own` and `peer`, if the report shows messages.
    pub(super) fn tap(&self, own: &str, peer: &str) -> Option<Arc<dyn Tap>> {
        self.trace.then(|| Arc::new(Printer::new(anstream::stdout(), own, peer)) as Arc<dyn Tap>)
    }

    /// Writes an empty line if the report shows messages.
    pub(super) fn gap(&self) -> Result<(), CliError> {
        if self.trace { output::data(|out| writeln!(out)) } else { Ok(()) }
    }

    /// Writes a line of a step.
    pub(super) fn line(&self, text: &str) -> Result<(), CliError> {
        output::data(|out| writeln!(out, "   {text}"))
    }

    /// Writes a passed check.
    pub(super) fn checked(&self, text: &str) -> Result<(), CliError> {
        output::data(|out| writeln!(out, "   {GOOD}ok{GOOD:#} {text}"))
    }

    /// Writes the check that stopped an attack.
    pub(super) fn refused(&self, check: &str) -> Result<(), CliError> {
        // Some texts have details after a colon.
        let first = check.split(": ").next().unwrap_or(check);
        output::data(|out| writeln!(out, "   {BAD}refused{BAD:#} {first}"))
    }

    /// Writes a heading without a number.
    pub(super) fn heading(&self, title: &str) -> Result<(), CliError> {
        output::data(|out| writeln!(out, "{HEADING}{title}{HEADING:#}"))
    }

    /// Writes a line of the summary, about `name`.
    pub(super) fn fact(&self, name: &str, text: &str) -> Result<(), CliError> {
        output::data(|out| writeln!(out, "   {name:<11} {text}"))
    }

    /// Writes the table of times.
    pub(super) fn times(&self) -> Result<(), CliError> {
        let total: Duration = self.times.iter().map(|(_, time)| *time).sum();
        let row =
            |name: &str, time: &Duration| format!("   {name:<32} {:>9.1} ms", time.as_secs_f64() * 1000.0);
        output::data(|out| {
            writeln!(out, "\n{HEADING}   {:<32} {:>12}{HEADING:#}", "step", "time")?;
            for (name, time) in &self.times {
                writeln!(out, "{}", row(name, time))?;
            }
            writeln!(out, "{}", row("all", &total))
        })
    }
}

/// The first bytes of a public value, in hexadecimal.
pub(super) fn short(bytes: &[u8; 32]) -> String {
    hex(bytes.first_chunk::<8>().map_or(&[], |first| first.as_slice()))
}
