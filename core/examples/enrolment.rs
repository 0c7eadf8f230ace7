//! A device has its key certified over any byte stream: no heap, no clock, no operating system.
#![no_std]

use embedded_io::{Read, Write};
use heapless::Vec;
use minipki_core::bytes::BufferTooSmall;
use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::KeyPair;
use minipki_core::drive::{DriveError, drive};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::{CERTIFICATE, FRAME};
use minipki_core::link::Link;
use minipki_core::session::{self, EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::Now;
use rand_core::CryptoRng;

/// Two frames: static memory in a firmware.
pub type Buffers = [[u8; FRAME]; 2];

/// The verified certificate of `key` for `name`, from the CA whose key has that fingerprint.
///
/// Without a clock, `now` is [`Now::AtLeast`] with the later of two times: the date of the firmware, and the beginning
/// of the last certificate from the CA.
pub fn enrol<S: Read + Write>(
    ca: &mut S,
    (name, key): (IdBuf, &KeyPair),
    fingerprint: [u8; 32],
    now: Now,
    rng: &mut impl CryptoRng,
    [rx, tx]: &mut Buffers,
) -> Result<Vec<u8, CERTIFICATE>, DriveError<S::Error>> {
    let anchor = Anchor::from_fingerprint(Fingerprint(fingerprint));
    let form = EnrolForm::Proven { token: None };
    let enrolment = Enrolment { subject_id: name, key, anchor: &anchor, now, form };
    let mut link = Link::new(EnrolClient::new(enrolment, rng), rx, tx);
    drive(&mut link, ca)?;
    let error = match link.event() {
        Some(EnrolOutcome::Issued(range)) => {
            let text = link.body().get(range).unwrap_or_default();
            return Vec::from_slice(text).map_err(|_| session::Error::from(BufferTooSmall).into());
        }
        // Keep the key: for 24 hours the CA repeats its certificate.
        Some(EnrolOutcome::OutOfTime { error, .. }) => session::Error::InvalidCertificate(error),
        Some(EnrolOutcome::Refused { code, .. }) => session::Error::Refused(code),
        None => session::Error::Truncated,
    };
    Err(error.into())
}
