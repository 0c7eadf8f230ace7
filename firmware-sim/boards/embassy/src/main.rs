//! A device as a task of embassy's executor: it enrols over an async TCP stream, and reports its certificate.
//!
//! ```text
//! lm3s6965-embassy --ca 10.0.2.2:9000 --fingerprint HEX --subject sensor
//! ```
#![no_std]
#![no_main]

mod executor;
mod net;

use core::net::SocketAddrV4;

use cortex_m::singleton;
use cortex_m_rt::entry;
use embedded_io::ErrorKind;
use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::drive::{DriveError, drive_async};
use minipki_core::limits::FRAME;
use minipki_core::link::Link;
use minipki_core::session::{self, EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Validity;
use minipki_cortex_m::arguments::{LENGTH, Line};
use minipki_cortex_m::entropy::HostEntropy;
use minipki_cortex_m::network::{Addressing, Network};
use minipki_cortex_m::{boot, clock, failure, semihosting};
use minipki_device_app::Config;
use minipki_lm3s6965::CHIP;

use crate::net::{Net, TcpStream};

#[entry]
fn main() -> ! {
    static mut LINE: Line = [0; LENGTH];

    boot::start(&CHIP);
    let config = match Config::parse(boot::arguments(LINE).application()) {
        Ok(config) => config,
        Err(error) => boot::usage(format_args!("{error}")),
    };
    let Some(mut entropy) = HostEntropy::open(c"/dev/urandom") else {
        failure::stop(failure::NO_ENTROPY, format_args!("cannot read entropy"));
    };
    let network = Network::start(CHIP.mac, Addressing::Dhcp, &mut entropy);
    let Some(net) = network.and_then(|network| singleton!(: Net = Net::new(network))) else {
        failure::stop(failure::FAULT, format_args!("started twice"));
    };
    executor::run(CHIP.mac, || net.poll(), |spawner| spawner.spawn(device(net, entropy, config).ok()?).into())
}

/// The task of the device, which ends the emulator.
#[embassy_executor::task]
async fn device(net: &'static Net, entropy: HostEntropy, config: Config<'static, SocketAddrV4>) {
    let code = match enrol(net, entropy, &config).await {
        Ok(validity) => {
            semihosting::print(format_args!("enrolled until {}", validity.not_after()));
            0
        }
        Err(error) => {
            semihosting::print(format_args!("not enrolled: {error}"));
            1
        }
    };
    semihosting::exit(code)
}

/// Makes a key and requests its certificate. The buffers live across an `await`, so they are in the task's static memory.
async fn enrol(
    net: &'static Net,
    mut entropy: HostEntropy,
    config: &Config<'static, SocketAddrV4>,
) -> Result<Validity, DriveError<ErrorKind>> {
    let deadline = clock::now() + config.deadline.into();
    let mut stream = TcpStream::connect(net, config.ca, deadline).await.map_err(DriveError::Io)?;
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let (key, anchor) =
        (KeyPair::generate(Portable::new(), &mut entropy), Anchor::from_fingerprint(config.fingerprint));
    let now = Now::Exact(UnixTime::new(semihosting::time().into()).unwrap_or(UnixTime::MAX));
    let form = EnrolForm::Proven { token: None };
    let enrolment = Enrolment { subject_id: config.subject.into(), key: &key, anchor: &anchor, now, form };
    let mut link = Link::new(EnrolClient::new(enrolment, &mut entropy), &mut rx, &mut tx);
    drive_async(&mut link, &mut stream).await?;
    let error = match link.event() {
        Some(EnrolOutcome::Issued(range)) => {
            let text = link.body().get(range).unwrap_or_default();
            return Ok(Certificate::parse(text).map_err(session::Error::InvalidCertificate)?.validity());
        }
        Some(EnrolOutcome::OutOfTime { error, .. }) => session::Error::InvalidCertificate(error),
        Some(EnrolOutcome::Refused { code, .. }) => session::Error::Refused(code),
        None => session::Error::Truncated,
    };
    Err(error.into())
}
