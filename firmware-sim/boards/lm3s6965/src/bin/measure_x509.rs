//! The cost of X.509 on this chip, with code for RSA-2048 alone. Each run has the same figures.
//!
//! Each line is `name | instructions | bytes of stack`; `cargo xtask budgets` reads them.
#![no_std]
#![no_main]

use cortex_m::peripheral::Peripherals;
use cortex_m_rt::entry;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::{
    Certificate, Crl, CrlChecker, PathError, PathValidator, PeerName, TrustAnchor, WorkSpace, oid,
};
use minipki_cortex_m::memory;
use minipki_cortex_m::meter::{self, measure};
use minipki_cortex_m::semihosting::{exit, print};
use minipki_cortex_m::x509::ALGORITHMS;
use minipki_lm3s6965::CHIP;

/// A result. An error is the name of the step that failed.
type Outcome<T> = Result<T, &'static str>;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../vectors/x509/rsa/", $name))
    };
}

/// A time within the validity of the certificates and the CRLs: 2026-06-15T12:00:00Z.
const NOW: u64 = 1_781_524_800;

#[entry]
fn main() -> ! {
    match run() {
        Ok(()) => exit(0),
        Err(step) => {
            print(format_args!("failed: {step}"));
            exit(1)
        }
    }
}

fn run() -> Outcome<()> {
    let peripherals = Peripherals::take().ok_or("started twice")?;
    memory::protect(peripherals.MPU, &CHIP.memory);
    meter::start(peripherals.SYST);

    let mut validator = PathValidator::new(&ALGORITHMS, Now::Exact(UnixTime::new(NOW).map_err(|_| "time")?));
    validator.purpose = Some(oid::SERVER_AUTH);
    let parse = |der: &'static [u8]| Certificate::parse(der).map_err(|_| "parse");
    let anchors = [TrustAnchor::from_certificate(parse(vector!("root"))?)];
    let intermediates = [parse(vector!("issuer"))?];
    let server = measured("X.509 certificate: parse", || Certificate::parse(vector!("server")))?;
    measured("X.509 path of 2: validate", || valid(&validator, &server, &intermediates, &anchors))?;
    let pss = parse(vector!("server-pss"))?;
    measured("X.509 path of 2, one by RSASSA-PSS: validate", || {
        valid(&validator, &pss, &intermediates, &anchors)
    })?;

    let long = measured("X.509 CRL of 100 entries: parse", || Crl::parse(vector!("issuer.crl")))?;
    let crls = [long, Crl::parse(vector!("root.crl")).map_err(|_| "parse")?];
    let checker = CrlChecker { crls: &crls, issuers: &[], validator };
    let mut space = WorkSpace::new();
    let path = validator.validate(&server, &intermediates, &anchors, &mut space).map_err(|_| "path")?;
    measured("X.509 path of 2: look up in 2 CRLs", || checker.check(&path, &mut []))?;
    Ok(())
}

/// Validates for the name of the server, with a work space on the stack.
fn valid(
    validator: &PathValidator<'_>,
    server: &Certificate<'_>,
    intermediates: &[Certificate<'_>],
    anchors: &[TrustAnchor<'_>],
) -> Result<(), PathError> {
    let mut space = WorkSpace::new();
    let path = validator.validate(server, intermediates, anchors, &mut space)?;
    path.require_name(&PeerName::Dns("example.com"))
}

/// Does `work` and prints its cost.
fn measured<T, E>(name: &'static str, work: impl FnOnce() -> Result<T, E>) -> Outcome<T> {
    let (result, cost) = measure(work);
    print(format_args!("{name} | {} | {}", cost.instructions, cost.stack));
    result.map_err(|_| name)
}
