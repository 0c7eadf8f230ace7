//! The program that validates X.509 certificates under a root in its image, with RSA-2048 alone.

use core::ffi::CStr;

use heapless::String;
use minipki_core::crypto::rsa::Rsa2048;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::algorithm::rsa::{RsaPkcs1, RsaPss};
use minipki_core::x509::{
    Certificate, PathValidator, PeerName, SignatureAlgorithm, TrustAnchor, WorkSpace, oid,
};

use crate::arguments::{Arguments, Line};
use crate::chip::Chip;
use crate::semihosting::{File, Mode, exit, print};
use crate::{boot, failure};

/// The accepted algorithms. The image has no code for others, and none for other sizes of keys.
pub static ALGORITHMS: [&dyn SignatureAlgorithm; 2] =
    [&RsaPkcs1::<32, Rsa2048>::new(), &RsaPss::<32, Rsa2048>::new()];

/// The longest file, in bytes.
pub const FILE: usize = 2048;

/// The exit code of a certificate that is refused.
const REFUSED: u8 = 1;

/// Memory for files.
pub type Files<const N: usize> = [[u8; FILE]; N];

/// Validates the certificate in the file `certificate=` on `chip`, and ends the emulator. Its issuer is in the file
/// `issuer=`, and `root` is the certificate of the trust anchor. The certificate must be for the TLS server `name=` at the
/// time `at=`, in seconds since 1970.
pub fn validate(chip: &Chip, line: &'static mut Line, [first, second]: &mut Files<2>, root: &[u8]) -> ! {
    boot::start(chip);
    let arguments = boot::arguments(line);
    let certificate = parse("certificate", load(arguments, "certificate", first));
    let intermediates = [parse("issuer", load(arguments, "issuer", second))];
    let anchors = [TrustAnchor::from_certificate(parse("root", root))];
    let at = arguments.get("at").and_then(|at| at.parse().ok()).and_then(|at| UnixTime::new(at).ok());
    let Some(at) = at else { boot::usage(format_args!("at= must be a time in seconds")) };
    let mut validator = PathValidator::new(&ALGORITHMS, Now::Exact(at));
    validator.purpose = Some(oid::SERVER_AUTH);
    let mut space = WorkSpace::new();
    let name = PeerName::Dns(arguments.get("name").unwrap_or_default());
    let path = validator.validate(&certificate, &intermediates, &anchors, &mut space);
    match path.and_then(|path| path.require_name(&name)) {
        Ok(()) => print(format_args!("accepted")),
        Err(error) => failure::stop(REFUSED, format_args!("refused: {error}")),
    }
    exit(0)
}

/// Verifies the signature in the file `signature=` over the file `message=` with the RSAPublicKey in the file `key=`. This is
/// [`validate`] without X.509: the difference of the two images is X.509.
pub fn verify(chip: &Chip, line: &'static mut Line, [first, second, third]: &mut Files<3>) -> ! {
    boot::start(chip);
    let arguments = boot::arguments(line);
    let (message, signature) = (load(arguments, "message", first), load(arguments, "signature", second));
    let key = load(arguments, "key", third);
    if ALGORITHMS.iter().any(|algorithm| algorithm.verify(key, message, signature).is_ok()) {
        print(format_args!("accepted"));
        exit(0)
    }
    failure::stop(REFUSED, format_args!("refused"))
}

fn parse<'a>(what: &str, der: &'a [u8]) -> Certificate<'a> {
    match Certificate::parse(der) {
        Ok(certificate) => certificate,
        Err(error) => failure::stop(REFUSED, format_args!("refused: the file {what}: {error}")),
    }
}

/// Reads the file of the host that the word `key=` names.
fn load<'b>(arguments: Arguments<'_>, key: &str, buffer: &'b mut [u8; FILE]) -> &'b [u8] {
    match arguments.get(key).and_then(|path| read(path, buffer)) {
        Some(bytes) => bytes,
        None => boot::usage(format_args!("{key}= must name a file of at most {FILE} bytes")),
    }
}

fn read<'b>(path: &str, buffer: &'b mut [u8; FILE]) -> Option<&'b [u8]> {
    let mut name = String::<256>::new();
    name.push_str(path).and_then(|()| name.push('\0')).ok()?;
    let mut file = File::open(CStr::from_bytes_with_nul(name.as_bytes()).ok()?, Mode::Read)?;
    let length = file.read(buffer);
    // A longer file is not read in part.
    if file.read(&mut [0]) == 0 { buffer.get(..length) } else { None }
}
