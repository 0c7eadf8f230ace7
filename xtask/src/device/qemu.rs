//! The emulated board: a Stellaris LM3S6965 with its Ethernet on the host's loopback.

use std::path::Path;
use std::process::Command;

pub(super) const PROGRAM: &str = "qemu-system-arm";
/// Debian's package with it.
pub(super) const PACKAGE: &str = "qemu-system-arm";

/// Where the board finds the host's loopback.
pub(super) const HOST: &str = "10.0.2.2";

/// How the board's Ethernet is wired.
pub(super) enum Wire<'a> {
    /// Not at all.
    None,
    /// To a network that reaches the host's loopback.
    Host,
    /// The same, with this port of the host leading to the board's own 9101.
    Listening(u16),
    /// To a cable whose ends are two sockets, and where `host`, at this end, to the host's loopback too.
    Cable {
        /// This end.
        here: &'a Path,
        /// The other end.
        there: &'a Path,
        /// Whether the host is at this end.
        host: bool,
    },
}

/// The board, running `program` with `words` as its command line.
pub(super) fn board(program: &Path, wire: &Wire<'_>, words: &[String]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["-M", "lm3s6965evb", "-display", "none", "-monitor", "none", "-serial", "none"]);
    match wire {
        Wire::None => command.args(["-nic", "none"]),
        Wire::Host => command.args(["-nic", "user"]),
        Wire::Listening(port) => command.args(["-nic", &format!("user,hostfwd=tcp:127.0.0.1:{port}-:9101")]),
        Wire::Cable { here, there, host } => cable(&mut command, here, there, *host),
    };
    let mut semihosting = "enable=on,target=native,arg=device".to_owned();
    for word in words {
        semihosting.push_str(",arg=");
        semihosting.push_str(&quoted(word));
    }
    command.arg("-semihosting-config").arg(semihosting).arg("-kernel").arg(program);
    command
}

/// A hub at each end where the host is, else the cable alone; two addresses, so that each board has its own.
fn cable<'c>(command: &'c mut Command, here: &Path, there: &Path, host: bool) -> &'c mut Command {
    let cable = format!(
        "dgram,id=cable,local.type=unix,local.path={},remote.type=unix,remote.path={}",
        here.display(),
        there.display()
    );
    command.args(["-netdev", &cable]);
    if !host {
        return command.args(["-net", "nic,netdev=cable,macaddr=52:54:00:12:34:02"]);
    }
    command.args(["-netdev", "user,id=host"]);
    command.args(["-netdev", "hubport,id=to-cable,hubid=0,netdev=cable"]);
    command.args(["-netdev", "hubport,id=to-host,hubid=0,netdev=host"]);
    command.args(["-netdev", "hubport,id=to-board,hubid=0"]);
    command.args(["-net", "nic,netdev=to-board,macaddr=52:54:00:12:34:01"])
}

/// A word as the board's command line and QEMU's options want it: blanks within quotes, commas twice.
fn quoted(word: &str) -> String {
    let word = word.replace(',', ",,");
    if word.contains(' ') { format!("\"{word}\"") } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_way_to_the_board() {
        let command = board(Path::new("device"), &Wire::None, &["--send".into(), "21.5 C, rising".into()]);
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        assert!(
            arguments.contains(
                &"enable=on,target=native,arg=device,arg=--send,arg=\"21.5 C,, rising\"".to_owned()
            )
        );
    }
}
