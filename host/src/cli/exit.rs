//! Exit codes: what a script can tell from how the program ended.

use std::process::ExitCode;

/// How the program ended. The numbers are part of the command line and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something on this machine failed: a file, a folder, a key.
    Failed = 1,
    /// The command line is wrong. (clap ends the program with the same number.)
    Usage = 2,
    /// The CA or the peer refused.
    Refused = 3,
    /// A check of ours failed: of a certificate, a signature, a peer; or the clock is outside a certificate's time.
    NotVerified = 4,
    /// The connection failed, was cut off, or its deadline passed.
    Connection = 5,
    /// The peer said something else than `--expect`.
    Unexpected = 6,
    /// A line of the input could not be sent: it is too long or not UTF-8. The others were.
    NotSent = 7,
    /// Ended by SIGINT (Ctrl-C), SIGTERM or SIGHUP before the work was done, or by a second one during a stop.
    Interrupted = 130,
}

/// The table that the help page ends with.
pub(super) const TABLE: &str = "\
Exit codes:
  0    done
  1    something on this machine failed: a file, a folder, a key
  2    the command line is wrong
  3    the CA or the peer refused
  4    a check failed: of a certificate, a signature, a peer; or this machine's clock is
       outside the time in which the certificate is valid
  5    the connection failed, was cut off, or its deadline passed
  6    the peer said something else than --expect
  7    a line of the input was not sent: it is too long or not UTF-8
  130  interrupted before the work was done";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
