//! A device on the PC: `minipki-device --ca HOST:PORT --fingerprint HEX --subject NAME …`.

use std::io::{self, Write};
use std::process::ExitCode;

use minipki_device::run;

fn main() -> ExitCode {
    let ended = run(std::env::args_os().skip(1), |line| {
        // The device continues if nobody reads its output.
        let _ = writeln!(io::stdout(), "{line}");
    });
    let exit = ended.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error}");
        error.exit()
    });
    ExitCode::from(exit.code())
}
