//! A device has its key certified over any byte stream: no heap, no clock, no operating system.
#![no_std]

use embedded_io::{Read, Write};
use heapless::Vec;
use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::drive::{DriveError, drive};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::{CERTIFICATE, FRAME};
use minipki_core::link::Link;
use minipki_core::session::{EnrolClient, EnrolForm, EnrolOutcome, Enrolment, Fault};
use minipki_core::time::Now;
use rand_core::CryptoRng;

/// Two frames: static memory in a firmware.
pub type Buffers = [[u8; FRAME]; 2];

/// The certificate of `key` for `name`, from the CA whose key has that fingerprint. It is verified.
pub fn enrol<S: Read + Write>(
    ca: &mut S,
    (name, key): (IdBuf, &KeyPair),
    fingerprint: [u8; 32],
    rng: &mut impl CryptoRng,
    [rx, tx]: &mut Buffers,
) -> Result<Vec<u8, CERTIFICATE>, DriveError<S::Error>> {
    let anchor = Anchor::from_fingerprint(Fingerprint(fingerprint));
    // Without a clock: when the firmware was made, or the last certificate from the CA began, whichever is later.
    let now = Now::AtLeast("2026-11-23T00:00:00+00:00".parse().map_err(|_| Fault::OutOfTurn)?);
    let form = EnrolForm::Proven { token: None };
    let enrolment = Enrolment { subject_id: name, key, anchor: &anchor, now, form };
    let mut link = Link::new(EnrolClient::<Portable>::new(enrolment, rng), rx, tx);
    drive(&mut link, ca)?;
    match link.event() {
        Some(EnrolOutcome::Granted(range)) => {
            let text = link.body().get(range).unwrap_or_default();
            Vec::from_slice(text).map_err(|_| Fault::Truncated.into())
        }
        // Keep the key: within 24 hours the CA answers it with the same certificate again.
        Some(EnrolOutcome::OutOfTime { error, .. }) => Err(Fault::Certificate(error).into()),
        Some(EnrolOutcome::Refused { code, .. }) => Err(Fault::Refused(code).into()),
        None => Err(Fault::Truncated.into()),
    }
}
