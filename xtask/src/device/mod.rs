//! `cargo xtask device`: the device on emulated boards, with the real CA and the real peer.

pub(crate) mod measure;
mod process;
mod scene;

use minipki_qemu::{self as qemu, BOARDS, Board};

use crate::embedded::firmware::Firmware;
use crate::packages;
use crate::steps::{cargo, execute};
use scene::{Play, Scene};

/// Shows a person one board, or two; with `--check` tests them.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        [] => show(scene::with_a_listener, &[qemu::LM3S6965]),
        ["--board", chip] => show(scene::with_a_listener, &[board(chip)?]),
        ["--boards", "2"] => show(scene::two_boards, &BOARDS),
        ["--check", filter @ ..] => check(filter, false),
        ["--bless"] => check(&["it_says_the_same"], true),
        _ => Err("usage: cargo xtask device [--board CHIP | --boards 2 | --check [NAME] | --bless]".into()),
    }
}

/// Every test of every board whose name contains one of `filter`; `bless` takes what they say for right.
pub(crate) fn check(filter: &[&str], bless: bool) -> Result<(), String> {
    let firmware = firmware()?;
    let mut tests = cargo(&["test", "--locked", "--workspace", "--test", "boards", "--"]);
    // Most of the time a board waits for somebody.
    tests.arg("--test-threads=4").args(filter).env("MINIPKI_FIRMWARE", firmware.folder());
    if bless {
        tests.env("MINIPKI_BLESS", "1");
    }
    execute(&mut tests)
}

/// Clippy for the boards' tests, which are in no target that runs without being asked for.
pub(crate) fn lint() -> Result<(), String> {
    let tests = ["clippy", "--locked", "--workspace", "--test", "boards"];
    execute(cargo(&tests).args(["--", "-D", "warnings"]))
}

fn board(chip: &str) -> Result<Board, String> {
    let known = BOARDS.map(|board| board.chip).join(", ");
    let found = BOARDS.into_iter().find(|board| board.chip == chip);
    found.ok_or_else(|| format!("there is no board {chip}; there are {known}"))
}

fn show(play: Play, boards: &[Board]) -> Result<(), String> {
    let firmware = firmware()?;
    let scene = Scene::open(&firmware, true)?;
    let codes = play(&scene, boards)?;
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
        Some((name, code)) => Err(format!("{name} ended with exit code {code}; its last line says why")),
    }
}

fn firmware() -> Result<Firmware, String> {
    packages::need(qemu::PROGRAM, qemu::PACKAGE)?;
    Firmware::build()
}
