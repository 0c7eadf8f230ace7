//! SIGINT and SIGTERM as a future to stop a server with.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Takes SIGINT and SIGTERM over from here on; the future ends at the first of them, with its name.
///
/// Must be called within a tokio runtime.
///
/// # Errors
/// The operating system's.
pub fn stop_signal() -> io::Result<impl Future<Output = &'static str> + Send> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}
