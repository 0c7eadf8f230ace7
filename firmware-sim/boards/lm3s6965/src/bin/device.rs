//! The device: everything it is told stands in the command line.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use minipki_device_app::{Config, Memory, run};
use minipki_lm3s6965::{arguments, boot, meter, semihosting};

#[entry]
fn main() -> ! {
    // cortex-m-rt hands these out once: they are in .bss, not on the stack.
    static mut LINE: [u8; arguments::LENGTH] = [0; arguments::LENGTH];
    static mut MEMORY: Memory = Memory::new();

    boot::start();
    let arguments = boot::arguments(LINE);
    let config = match Config::parse(arguments.application()) {
        Ok(config) => config,
        Err(error) => boot::usage(format_args!("{error}")),
    };
    meter::paint();
    let mut board = boot::board(arguments);
    let exit = run(&config, MEMORY, &mut board);
    if arguments.get("show") == Some("stack") {
        semihosting::print(format_args!("stack: {} bytes at most", meter::peak()));
    }
    semihosting::exit(exit.code())
}
