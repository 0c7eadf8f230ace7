//! The emulated boards, with their Ethernet on the host's loopback.

use std::path::Path;
use std::process::Command;

pub(super) const PROGRAM: &str = "qemu-system-arm";
/// Debian's package with it.
pub(super) const PACKAGE: &str = "qemu-system-arm";

/// Where the board finds the host's loopback.
pub(super) const HOST: &str = "10.0.2.2";

/// A board: the name of its chip, which its programs bear, and QEMU's for the machine.
#[derive(Clone, Copy)]
pub(super) struct Board {
    pub(super) chip: &'static str,
    machine: &'static str,
}

pub(super) const LM3S6965: Board = Board { chip: "lm3s6965", machine: "lm3s6965evb" };
pub(super) const MPS2_AN385: Board = Board { chip: "mps2-an385", machine: "mps2-an385" };
pub(super) const BOARDS: [Board; 2] = [LM3S6965, MPS2_AN385];

impl Board {
    /// What the board's own `program` is called.
    pub(super) fn program(&self, program: &str) -> String {
        format!("{}-{program}", self.chip)
    }
}

/// How the board's Ethernet is wired.
#[derive(Clone, Copy)]
pub(super) enum Wire {
    /// Not at all.
    None,
    /// To a network that reaches the host's loopback.
    Host,
    /// The same, with this port of the host leading to the board's own 9101.
    Listening(u16),
}

/// The board, running `program` with `words` as its command line.
pub(super) fn board(board: Board, program: &Path, wire: Wire, words: &[String]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["-M", board.machine, "-display", "none", "-monitor", "none", "-serial", "none"]);
    match wire {
        Wire::None => command.args(["-nic", "none"]),
        Wire::Host => command.args(["-nic", "user"]),
        Wire::Listening(port) => command.args(["-nic", &format!("user,hostfwd=tcp:127.0.0.1:{port}-:9101")]),
    };
    let mut semihosting = "enable=on,target=native,arg=device".to_owned();
    for word in words {
        semihosting.push_str(",arg=");
        semihosting.push_str(&quoted(word));
    }
    command.arg("-semihosting-config").arg(semihosting).arg("-kernel").arg(program);
    command
}

/// An LM3S6965 without a network, on which every instruction takes the same time.
pub(super) fn counting(program: &Path, words: &[String]) -> Command {
    let mut command = board(LM3S6965, program, Wire::None, words);
    command.args(["-icount", "shift=4,sleep=off"]);
    command
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
        let command =
            board(MPS2_AN385, Path::new("device"), Wire::None, &["--send".into(), "21.5 C, rising".into()]);
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        assert!(
            arguments.contains(
                &"enable=on,target=native,arg=device,arg=--send,arg=\"21.5 C,, rising\"".to_owned()
            )
        );
    }
}
