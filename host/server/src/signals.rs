//! The signals that stop the program, as futures, and the signals that it ignores.

use std::fs;
use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The number of SIGHUP on every Unix (POSIX, `kill -1`).
const SIGHUP: u32 = 1;

/// Handles SIGINT, SIGTERM and SIGHUP. The first future ends at the first of these signals, and returns its name. The
/// other future ends at the second signal, which can stop the program at once. Both count the signals after this call.
///
/// A SIGHUP that was ignored at the start, for example by `nohup`, stays ignored. SIGUSR1 and SIGUSR2 no longer end the
/// program. Must be called within a tokio runtime.
///
/// # Errors
/// The operating system's error.
pub fn stop_signals()
-> io::Result<(impl Future<Output = &'static str> + Send, impl Future<Output = &'static str> + Send)> {
    let hangs_up = !is_ignored(SIGHUP);
    let (mut first, mut second) = (Stops::new(hangs_up)?, Stops::new(hangs_up)?);
    let mut others = [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?];
    let stop = async move {
        let [user1, user2] = &mut others;
        loop {
            tokio::select! {
                name = first.next() => return name,
                _ = user1.recv() => tracing::debug!("SIGUSR1 does not end this program"),
                _ = user2.recv() => tracing::debug!("SIGUSR2 does not end this program"),
            }
        }
    };
    let again = async move {
        second.next().await;
        second.next().await
    };
    Ok((stop, again))
}

struct Stops {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Stops {
    fn new(hangs_up: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangs_up.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hangup => "SIGHUP",
        }
    }
}

/// Whether this process ignores a signal; `false` if unknown (proc_pid_status(5)).
fn is_ignored(signal: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
