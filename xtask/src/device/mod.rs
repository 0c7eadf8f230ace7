//! `cargo xtask device`: the device on an emulated board, with the real CA and the real peer.

mod check;
mod failures;
mod measure;
mod process;
mod qemu;
mod scene;

use crate::embedded::firmware::Firmware;
use crate::packages;
use scene::{Play, Scene};

/// Flash and RAM of the chip.
const FLASH: u32 = 256 * 1024;
const RAM: u32 = 64 * 1024;

/// Shows a person one board, or two; with `--check` tests them.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        [] | ["--boards", "1"] => show(scene::with_a_listener),
        ["--boards", "2"] => show(scene::two_boards),
        ["--check"] => check(),
        ["--measure"] => measure::run(&firmware()?),
        _ => Err("usage: cargo xtask device [--boards 1|2 | --check | --measure]".into()),
    }
}

/// Every test of every board, for the gate.
pub(crate) fn check() -> Result<(), String> {
    let firmware = firmware()?;
    for board in qemu::BOARDS {
        failures::check(&firmware, board)?;
        check::run(&firmware, board)?;
    }
    Ok(())
}

fn show(play: Play) -> Result<(), String> {
    let firmware = firmware()?;
    let size = firmware.size("lm3s6965-device")?;
    let scene = Scene::open(&firmware, qemu::LM3S6965, true)?;
    let codes = play(&scene)?;
    println!();
    for (name, code) in &codes {
        println!("{name} ended with exit code {code}");
    }
    println!("image: {} of {FLASH} bytes of flash, {} of {RAM} bytes of RAM, no heap", size.flash, size.ram);
    match codes.iter().find(|(_, code)| *code != 0) {
        None => Ok(()),
        Some((name, code)) => Err(format!("{name} ended with exit code {code}; its last line says why")),
    }
}

fn firmware() -> Result<Firmware, String> {
    packages::need(qemu::PROGRAM, qemu::PACKAGE)?;
    Firmware::build()
}
