//! The exit codes of the program.

use std::process::ExitCode;

/// The result of the program, for scripts. The numbers are part of the command line and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something on this machine failed: a file, a folder, a key.
    Failed = 1,
    /// The command line is wrong. (clap ends the program with the same number.)
    Usage = 2,
    /// The CA or the peer refused.
    Refused = 3,
    /// A check failed: of a certificate, a signature or a peer; or a certificate is not valid at the clock's time.
    NotVerified = 4,
    /// The connection failed, was cut off, or its deadline passed.
    Connection = 5,
    /// The peer did not send a text of `--expect`.
    Unexpected = 6,
    /// A line of the input was not sent: it is too long or not UTF-8. The other lines were sent.
    NotSent = 7,
    /// The renewal of a certificate is not due yet.
    NotDue = 8,
    /// SIGINT (Ctrl-C), SIGTERM or SIGHUP ended the program before its work was done, or a second signal during a stop.
    Interrupted = 130,
}

/// The table at the end of the help page.
pub(super) const TABLE: &str = "\
Exit codes:
  0    done
  1    something on this machine failed: a file, a folder, a key
  2    the command line is wrong
  3    the CA or the peer refused
  4    a check failed: of a certificate, a signature or a peer; or a certificate is not valid
       at the time of this machine's clock
  5    the connection failed, was cut off, or its deadline passed
  6    the peer did not send a text of --expect
  7    a line of the input was not sent: it is too long or not UTF-8
  8    the renewal of a certificate is not due yet
  130  interrupted before the work was done";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
