//! What the board says of costs: counted instructions, and the stack of a whole run.

use minipki_qemu::{HOST, LM3S6965, PACKAGE, PROGRAM, Wire};

use super::process::Process;
use super::scene::{READING, Scene, and};
use crate::embedded::firmware::Firmware;
use crate::packages;

/// Runs a program that measures, without a network and with every instruction of the same length. Its rows: cells between bars.
pub(crate) fn counted(firmware: &Firmware, program: &str) -> Result<Vec<Vec<String>>, String> {
    packages::need(PROGRAM, PACKAGE)?;
    let board = LM3S6965.counting(&firmware.program(program), &[]);
    let ended = Process::start("board", board, false)?.wait()?.expect(0, &[" | "])?;
    let rows = ended.heard.iter().filter(|line| line.contains(" | "));
    Ok(rows.map(|line| line.split(" | ").map(str::to_owned).collect()).collect())
}

/// Bytes of stack that `program` takes from its start to its end, with a CA of `bits`: it enrols, connects and talks.
pub(crate) fn whole_run(firmware: &Firmware, program: &str, bits: &str) -> Result<u32, String> {
    let scene = Scene::with_key(firmware, bits, false)?;
    let mut words = scene.provision("whole")?;
    words.insert(0, "show=stack".to_owned());
    let (bob, port) = scene.listener("whole")?;
    let to = format!("{HOST}:{port}");
    let words = and(words, &["--connect", &to, "--peer-subject", "bob", "--send", READING]);
    let ended =
        Process::start("board", LM3S6965.command(&firmware.program(program), Wire::Host, &words), false)?
            .wait()?
            .expect(0, &["stack: "])?;
    bob.wait()?.expect(0, &[])?;
    let stack =
        ended.heard.iter().find_map(|line| line.strip_prefix("stack: ")?.split(' ').next()?.parse().ok());
    stack.ok_or_else(|| "the board named no stack".into())
}
