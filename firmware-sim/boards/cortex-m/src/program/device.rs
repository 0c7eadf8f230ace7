//! The device: everything it is told stands in the command line.

use minipki_core::crypto::Provider;
use minipki_device_app::{Config, Memory, run};

use super::Line;
use crate::chip::Chip;
use crate::{boot, meter, semihosting};

/// Runs the device on `chip` over the provider `crypto`, and ends the emulator with its exit code.
#[inline(always)] // On its own a function that never returns is 3 KB longer.
pub fn device(chip: &Chip, line: &'static mut Line, memory: &mut Memory, crypto: impl Provider) -> ! {
    boot::start(chip);
    let arguments = boot::arguments(line);
    let config = match Config::parse(arguments.application()) {
        Ok(config) => config,
        Err(error) => boot::usage(format_args!("{error}")),
    };
    meter::paint();
    let mut board = boot::board(chip, arguments, crypto);
    let exit = run(&config, memory, &mut board);
    if arguments.get("show") == Some("stack") {
        semihosting::print(format_args!("stack: {} bytes at most", meter::peak()));
    }
    semihosting::exit(exit.code())
}
