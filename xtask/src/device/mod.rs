//! `cargo xtask device`: shows, tests and measures the device on emulated boards, with the real CA and the real peer.

mod process;
mod scenario;

use minipki_qemu::{self as qemu, BOARDS, Board, Wire};

use crate::command::{cargo, execute, need};
use crate::embedded::firmware::Firmware;
use process::Process;
use scenario::{READING, Scenario, Setup, extended};

/// Shows one board or two. With `--check`, tests the boards.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        [] => show(scenario::with_a_listener, &[qemu::LM3S6965]),
        ["--board", chip] => show(scenario::with_a_listener, &[board(chip)?]),
        ["--boards", "2"] => show(scenario::two_boards, &BOARDS),
        ["--check", filter @ ..] => check(filter, false),
        ["--bless"] => check(&["twenty_runs_give_the_same_report"], true),
        _ => Err("usage: cargo xtask device [--board CHIP | --boards 2 | --check [NAME] | --bless]".into()),
    }
}

/// Runs the tests of the boards whose name contains one of `filter`. With `bless`, records the output as expected.
pub(crate) fn check(filter: &[&str], bless: bool) -> Result<(), String> {
    let firmware = firmware()?;
    let mut tests = cargo(&["test", "--locked", "--workspace", "--test", "boards", "--"]);
    // A board mostly waits, so more tests than cores can run.
    tests.arg("--test-threads=4").args(filter).env("MINIPKI_FIRMWARE", firmware.folder());
    if bless {
        tests.env("MINIPKI_BLESS", "1");
    }
    execute(&mut tests)
}

/// Runs clippy on the tests that need files of others or boards: `--all-targets` leaves them out.
pub(crate) fn lint() -> Result<(), String> {
    let tests = ["clippy", "--locked", "--workspace", "--test", "boards", "--test", "suites"];
    execute(cargo(&tests).args(["--", "-D", "warnings"]))
}

fn board(chip: &str) -> Result<Board, String> {
    let known = BOARDS.map(|board| board.chip).join(", ");
    let found = BOARDS.into_iter().find(|board| board.chip == chip);
    found.ok_or_else(|| format!("there is no board {chip}; the boards are {known}"))
}

fn show(scenario: Scenario, boards: &[Board]) -> Result<(), String> {
    let firmware = firmware()?;
    let setup = Setup::new(&firmware, true)?;
    let codes = scenario(&setup, boards)?;
    println!();
    for (name, code) in &codes {
        println!("{name} ended with exit code {code}");
    }
    for board in boards {
        let size = firmware.size(&board.program("device"))?;
        let (flash, ram) = (board.flash, board.ram);
        println!(
            "{}: {} of {flash} bytes of flash, {} of {ram} bytes of RAM, no heap",
            board.chip, size.flash, size.ram
        );
    }
    match codes.iter().find(|(_, code)| *code != 0) {
        None => Ok(()),
        Some((name, code)) => Err(format!("{name} ended with exit code {code}; see its last line")),
    }
}

/// Runs a measuring program without a network, with the same time for every instruction. Returns the cells of its rows.
pub(crate) fn counted(firmware: &Firmware, program: &str) -> Result<Vec<Vec<String>>, String> {
    need(qemu::PROGRAM, qemu::PACKAGE)?;
    let board = qemu::LM3S6965.counting(&firmware.program(program), &[]);
    let ended = Process::start("board", board, false)?.wait()?.expect(0, &[" | "])?;
    let rows = ended.output.iter().filter(|line| line.contains(" | "));
    Ok(rows.map(|line| line.split(" | ").map(str::to_owned).collect()).collect())
}

/// The peak stack of `program` in bytes: it enrols at a CA with a key of `bits` bits, connects and talks.
pub(crate) fn whole_run(firmware: &Firmware, program: &str, bits: &str) -> Result<u32, String> {
    let setup = Setup::with_key(firmware, bits, false)?;
    let mut arguments = setup.provision("whole")?;
    arguments.insert(0, "show=stack".to_owned());
    let (bob, port) = setup.listener("whole")?;
    let to = format!("{}:{port}", qemu::HOST);
    let arguments = extended(arguments, &["--connect", &to, "--peer-subject", "bob", "--send", READING]);
    let board = qemu::LM3S6965.command(&firmware.program(program), Wire::Host, &arguments);
    let ended = Process::start("board", board, false)?.wait()?.expect(0, &["stack: "])?;
    bob.wait()?.expect(0, &[])?;
    let stack =
        ended.output.iter().find_map(|line| line.strip_prefix("stack: ")?.split(' ').next()?.parse().ok());
    stack.ok_or_else(|| "the board printed no stack".into())
}

fn firmware() -> Result<Firmware, String> {
    need(qemu::PROGRAM, qemu::PACKAGE)?;
    Firmware::build()
}
