//! The boards that the firmware runs on, as QEMU emulates them: their command lines and their networks.

use std::path::Path;
use std::process::Command;

/// The emulator.
pub const PROGRAM: &str = "qemu-system-arm";
/// Debian's package of the emulator.
pub const PACKAGE: &str = "qemu-system-arm";

/// The address of the host's loopback for a board.
pub const HOST: &str = "10.0.2.2";

/// The default listening port of a board.
pub const PORT: u16 = 9101;

/// A board.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// The name of the chip, which is in the names of its programs.
    pub chip: &'static str,
    /// The length of the flash in bytes.
    pub flash: u32,
    /// The length of the RAM in bytes.
    pub ram: u32,
    machine: &'static str,
}

/// The small board, whose memory limits the device.
pub const LM3S6965: Board =
    Board { chip: "lm3s6965", machine: "lm3s6965evb", flash: 256 * 1024, ram: 64 * 1024 };

/// The other board, with another Ethernet controller.
pub const MPS2_AN385: Board =
    Board { chip: "mps2-an385", machine: "mps2-an385", flash: 4 << 20, ram: 4 << 20 };

/// All boards.
pub const BOARDS: [Board; 2] = [LM3S6965, MPS2_AN385];

/// The network of a board.
#[derive(Clone, Copy, Debug)]
pub enum Wire<'a> {
    /// No network.
    None,
    /// A network with the host's loopback and DHCP.
    Host,
    /// The same, with this port of the host forwarded to the board's [`PORT`].
    Listening(u16),
    /// A cable to another board: the path of its sockets, and the end.
    Cable(&'a Path, End),
}

/// An end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first end.
    Near,
    /// The second end.
    Far,
}

impl Board {
    /// The file name of `program` for this board.
    pub fn program(&self, program: &str) -> String {
        format!("{}-{program}", self.chip)
    }

    /// The command for a board that runs `program` with the arguments `words`.
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
                // Each frame is a datagram. The two boards need different addresses.
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

    /// The command for a board without a network, on which every instruction takes the same time.
    pub fn counting(&self, program: &Path, words: &[String]) -> Command {
        let mut command = self.command(program, Wire::None, words);
        command.args(["-icount", "shift=4,sleep=off"]);
        command
    }
}

/// Whether a line is QEMU's own message about a board, not the output of its program.
pub fn is_noise(line: &str) -> bool {
    // Unused timers, and a board without a network.
    line.trim_end() == "Timer with period zero, disabling" || line.trim_end().ends_with(" has no peer")
}

/// A word in the syntax of the board's command line and QEMU's options: quoted if it has blanks, commas doubled.
fn quoted(word: &str) -> String {
    let word = word.replace(',', ",,");
    if word.contains(' ') { format!("\"{word}\"") } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_board() {
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
