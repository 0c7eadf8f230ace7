//! The log: what the rooms tell the operator, on standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::stderr::{self, Stderr};
use super::{CliError, Exit};
use minipki_server::AUDIT;

/// How the log is written.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Sends what the rooms log to standard error, through a queue: the log never delays what is logged. `RUST_LOG` says
/// how much; the audit lines of the console are among it whatever it says.
///
/// # Errors
/// If the operating system gives no thread for the queue.
pub(super) fn begin(format: LogFormat) -> Result<(), CliError> {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    if let Ok(audit) = format!("{AUDIT}=info").parse() {
        filter = filter.add_directive(audit);
    }
    stderr::begin().map_err(|error| {
        let seen = format_args!("cannot start the thread that writes the log: {error}");
        CliError::new(Exit::Failed, seen, "raise the limit of processes (ulimit -u), then try again")
    })?;
    // Its own report of an error goes to standard error too, past the queue, and panics where that is closed.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr::colours())
        .log_internal_errors(false)
        .with_writer(|| Stderr);
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}
