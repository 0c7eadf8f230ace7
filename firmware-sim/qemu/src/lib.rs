//! The boards that the firmware runs on, as QEMU emulates them: what is on the command line, and how boards are wired.

use std::path::Path;
use std::process::Command;

/// The emulator.
pub const PROGRAM: &str = "qemu-system-arm";
/// Debian's package with it.
pub const PACKAGE: &str = "qemu-system-arm";

/// Where a board finds the host's loopback.
pub const HOST: &str = "10.0.2.2";

/// Where a board listens, if nothing else is said.
pub const PORT: u16 = 9101;

/// A board.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// Its chip, whose name its programs bear.
    pub chip: &'static str,
    /// Flash and RAM, in bytes.
    pub flash: u32,
    /// See [`Board::flash`].
    pub ram: u32,
    machine: &'static str,
}

/// The small one: what the device has to fit.
pub const LM3S6965: Board =
    Board { chip: "lm3s6965", machine: "lm3s6965evb", flash: 256 * 1024, ram: 64 * 1024 };

/// The other, with another Ethernet controller.
pub const MPS2_AN385: Board =
    Board { chip: "mps2-an385", machine: "mps2-an385", flash: 4 << 20, ram: 4 << 20 };

/// All of them.
pub const BOARDS: [Board; 2] = [LM3S6965, MPS2_AN385];

/// What a board's Ethernet is wired to.
#[derive(Clone, Copy, Debug)]
pub enum Wire<'a> {
    /// Nothing.
    None,
    /// A network that reaches the host's loopback, and hands out addresses.
    Host,
    /// The same, with this port of the host leading to the board's [`PORT`].
    Listening(u16),
    /// Another board alone: the cable with this name, a path, at this end of it.
    Cable(&'a Path, End),
}

/// An end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// One.
    Near,
    /// The other.
    Far,
}

impl Board {
    /// The file name of this board's own `program`.
    pub fn program(&self, program: &str) -> String {
        format!("{}-{program}", self.chip)
    }

    /// The board, running `program` with `words` as its command line.
    pub fn command(&self, program: &Path, wire: Wire<'_>, words: &[String]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["-M", self.machine, "-display", "none", "-monitor", "none", "-serial", "none"]);
        match wire {
            Wire::None => command.args(["-nic", "none"]),
            Wire::Host => command.args(["-nic", "user"]),
            Wire::Listening(port) => {
                command.args(["-nic", &format!("user,hostfwd=tcp:127.0.0.1:{port}-:{PORT}")])
            }
            Wire::Cable(path, end) => {
                // A datagram a frame. Two boards with one address would not hear each other.
                let (ours, theirs, address) = match end {
                    End::Near => ("near", "far", "52:54:00:12:34:57"),
                    End::Far => ("far", "near", "52:54:00:12:34:58"),
                };
                let socket = |side| format!("{}.{side}", path.display()).replace(',', ",,");
                command.arg("-netdev").arg(format!(
                    "dgram,id=cable,local.type=unix,local.path={},remote.type=unix,remote.path={}",
                    socket(ours),
                    socket(theirs)
                ));
                command.args(["-net", &format!("nic,netdev=cable,macaddr={address}")])
            }
        };
        let mut semihosting = "enable=on,target=native,arg=device".to_owned();
        for word in words {
            semihosting.push_str(",arg=");
            semihosting.push_str(&quoted(word));
        }
        command.arg("-semihosting-config").arg(semihosting).arg("-kernel").arg(program);
        command
    }

    /// The board without a network, on which every instruction takes the same time.
    pub fn counting(&self, program: &Path, words: &[String]) -> Command {
        let mut command = self.command(program, Wire::None, words);
        command.args(["-icount", "shift=4,sleep=off"]);
        command
    }
}

/// QEMU's own words about a board, which say nothing about what runs on it.
pub fn is_noise(line: &str) -> bool {
    // The timers that the firmware leaves alone, and a board without a wire.
    line.trim_end() == "Timer with period zero, disabling" || line.trim_end().ends_with(" has no peer")
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
        let words = ["--send".to_owned(), "21.5 C, rising".to_owned()];
        let command = LM3S6965.command(Path::new("device"), Wire::None, &words);
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        assert!(
            arguments.contains(
                &"enable=on,target=native,arg=device,arg=--send,arg=\"21.5 C,, rising\"".to_owned()
            )
        );
    }
}
