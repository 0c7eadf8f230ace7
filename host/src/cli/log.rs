//! The log: what the rooms tell the operator, on standard error.

use std::io;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::console::AUDIT;

/// How the log is written.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Sends what the rooms log to standard error. `RUST_LOG` says how much; the audit lines of the
/// console are among it whatever it says.
pub(super) fn begin(format: LogFormat) {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    if let Ok(audit) = format!("{AUDIT}=info").parse() {
        filter = filter.add_directive(audit);
    }
    // Asked once: to take the colours off each line would cut it into many small writes.
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr);
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
