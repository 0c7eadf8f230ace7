//! A device on the PC: `minipki-device --ca HOST:PORT --fingerprint HEX --subject NAME …`.

use std::io::{self, Write};
use std::process::ExitCode;

use minipki_device::run;

fn main() -> ExitCode {
    let ended = run(std::env::args_os().skip(1), |line| {
        // Nobody may be reading: that is no reason to stop.
        let _ = writeln!(io::stdout(), "{line}");
    });
    let exit = ended.unwrap_or_else(|wrong| {
        let _ = writeln!(io::stderr(), "error: {wrong}");
        wrong.exit()
    });
    ExitCode::from(exit.code())
}
