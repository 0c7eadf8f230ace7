//! The start of a program, up to a board with the options of the command line.

use core::ffi::CStr;
use core::fmt;
use core::net::Ipv4Addr;
use core::time::Duration;

use cortex_m::peripheral::Peripherals;
use minipki_core::crypto::Provider;
use smoltcp::wire::Ipv4Cidr;

use crate::arguments::{Arguments, LENGTH, Line};
use crate::board::CortexM;
use crate::chip::Chip;
use crate::entropy::HostEntropy;
use crate::network::{Addressing, Network};
use crate::storage::Storage;
use crate::{clock, failure, memory};

/// The usage of the board's words.
pub const USAGE: &str = "[ip=ADDRESS/BITS [router=ADDRESS]] [state=FOLDER] [clock=none] [entropy=FILE] [show=stack] [ticks=NUMBER]";

/// The time limit for an address from the network.
const ADDRESS_WITHIN: Duration = Duration::from_secs(20);

/// Protects the memory and starts the clock: from here on a failure ends the run.
pub fn start(chip: &Chip) {
    let Some(peripherals) = Peripherals::take() else {
        failure::stop(failure::FAULT, format_args!("started twice"));
    };
    memory::protect(peripherals.MPU, &chip.memory);
    clock::start(peripherals.SYST, chip.hertz);
}

/// The command line.
pub fn arguments(buffer: &mut Line) -> Arguments<'_> {
    let Some(arguments) = Arguments::read(buffer) else {
        usage(format_args!("a command line of at most {LENGTH} bytes is needed"));
    };
    arguments
}

/// The board, with an address, over the provider `crypto`.
pub fn board<C: Provider>(chip: &Chip, arguments: Arguments<'static>, crypto: C) -> CortexM<C> {
    // The clock begins at this number of ticks of 10 ms, so that a test can begin years later.
    if let Some(ticks) = arguments.get("ticks") {
        match ticks.parse() {
            Ok(ticks) => clock::add(ticks),
            Err(_) => usage(format_args!("ticks={ticks} is not a number of 32 bits")),
        }
    }
    let mut entropy = entropy(arguments);
    let Some(network) = Network::start(chip.mac, addressing(arguments), &mut entropy) else {
        failure::stop(failure::FAULT, format_args!("started twice"));
    };
    let storage = Storage::new(arguments.get("state").unwrap_or("."));
    let has_clock = match arguments.get("clock") {
        None | Some("host") => true,
        Some("none") => false,
        Some(other) => usage(format_args!("clock={other} is neither host nor none")),
    };
    let mut board = CortexM::new(crypto, network, entropy, storage, has_clock);
    match board.address(ADDRESS_WITHIN) {
        Ok(_) => board,
        Err(_) => failure::stop(
            failure::NO_NETWORK,
            format_args!("exit {}: the network gave no address; give one with ip=", failure::NO_NETWORK),
        ),
    }
}

fn entropy(arguments: Arguments<'_>) -> HostEntropy {
    let mut name = heapless::String::<256>::new();
    let path = arguments.get("entropy").unwrap_or("/dev/urandom");
    let fits = name.push_str(path).and_then(|()| name.push('\0')).is_ok();
    let opened = CStr::from_bytes_with_nul(name.as_bytes()).ok().filter(|_| fits).and_then(HostEntropy::open);
    match opened {
        Some(entropy) => entropy,
        None => failure::stop(
            failure::NO_ENTROPY,
            format_args!("exit {}: cannot read entropy from {path}", failure::NO_ENTROPY),
        ),
    }
}

fn addressing(arguments: Arguments<'_>) -> Addressing {
    let Some(text) = arguments.get("ip") else { return Addressing::Dhcp };
    let router = arguments.get("router").map(|text| match text.parse() {
        Ok(router) => router,
        Err(_) => usage(format_args!("router={text} is no IPv4 address")),
    });
    match cidr(text) {
        Some(address) => Addressing::Static(address, router),
        None => usage(format_args!("ip={text} is not like 10.0.2.15/24")),
    }
}

fn cidr(text: &str) -> Option<Ipv4Cidr> {
    let (address, bits) = text.split_once('/')?;
    let bits = bits.parse().ok().filter(|bits| *bits <= 32)?;
    Some(Ipv4Cidr::new(address.parse::<Ipv4Addr>().ok()?, bits))
}

/// Prints the error of the command line, and ends the run.
pub fn usage(error: fmt::Arguments<'_>) -> ! {
    failure::stop(
        failure::USAGE,
        format_args!(
            "{error}\nusage: {USAGE}\n{}\nexit {}: usage",
            minipki_device_app::USAGE,
            failure::USAGE
        ),
    )
}
