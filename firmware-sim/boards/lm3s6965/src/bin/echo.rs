//! The network alone: sends received bytes back, over a connection to `connect=ADDRESS:PORT` or at `listen=PORT`.
#![no_std]
#![no_main]

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use cortex_m_rt::entry;
use embedded_io::{ErrorKind, Read, Write};
use minipki_core::crypto::Portable;
use minipki_cortex_m::arguments::{Arguments, LENGTH, Line};
use minipki_cortex_m::{boot, semihosting};
use minipki_device_app::{Board, Stream};
use minipki_lm3s6965::CHIP;

const WITHIN: Duration = Duration::from_secs(5);

#[entry]
fn main() -> ! {
    static mut LINE: Line = [0; LENGTH];

    boot::start(&CHIP);
    let arguments = boot::arguments(LINE);
    let mut board = boot::board(&CHIP, arguments, Portable::new());
    let code = match echo(arguments, &mut board) {
        Ok(bytes) => {
            board.report(format_args!("{bytes} bytes"));
            0
        }
        Err(error) => {
            board.report(format_args!("{error:?}"));
            1
        }
    };
    semihosting::exit(code)
}

fn echo(
    arguments: Arguments<'_>,
    board: &mut impl Board<Address = SocketAddrV4>,
) -> Result<usize, ErrorKind> {
    let mut stream = match arguments.get("connect").map(str::parse) {
        Some(Ok(to)) => board.connect(to, WITHIN)?,
        Some(Err(_)) => boot::usage(format_args!("connect= is not like 10.0.2.2:9000")),
        None => {
            let port = arguments.get("listen").and_then(|port| port.parse().ok()).unwrap_or(0);
            let at = board.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port), WITHIN)?;
            board.report(format_args!("listening at {at}"));
            board.accept()?
        }
    };
    let mut total = 0;
    let mut buffer = [0; 700];
    let result = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break Ok(total),
            Ok(n) => {
                total += n;
                let sent = stream.write_all(buffer.get(..n).unwrap_or_default());
                if let Err(error) = sent.and_then(|()| stream.flush()) {
                    break Err(embedded_io::Error::kind(&error));
                }
            }
            Err(error) => break Err(embedded_io::Error::kind(&error)),
        }
    };
    stream.close();
    result
}
