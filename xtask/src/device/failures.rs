//! Each way in which a board fails ends its run, with an exit code of its own.

use super::process::Process;
use super::qemu::{self, Board, Wire};
use crate::embedded::firmware::Firmware;

/// What the program `fail` is asked for, and the code that it ends with.
const FAILURES: &[(&str, i32, &str)] = &[
    ("by=panic", 101, "panic at "),
    ("by=undefined", 102, "fault: "),
    ("by=wild-read", 102, "address 0x30000000"),
    ("by=flash-write", 102, "address 0x00001000"),
    ("by=overflow", 103, "stack overflow"),
    ("by=big-frame", 103, "stack overflow"),
    ("entropy=/dev/null", 104, "has run dry"),
    ("entropy=/nowhere", 104, "cannot read entropy"),
    ("by=nothing", 2, "usage: "),
];

/// Runs them all.
pub(super) fn check(firmware: &Firmware, board: Board) -> Result<(), String> {
    for (word, code, line) in FAILURES {
        let words = ["by=entropy".to_owned(), (*word).to_owned()];
        // The first word for a key counts.
        let words = if word.starts_with("by=") { &words[1..] } else { &words[..] };
        let command = qemu::board(board, &firmware.program(&board.program("fail")), Wire::None, words);
        let ended = Process::start("board", command, false)?.wait()?;
        ended.expect(*code, &[line]).map_err(|e| format!("{word}: {e}"))?;
        eprintln!("    ok: {}, {word}: exit code {code}", board.chip);
    }
    Ok(())
}
