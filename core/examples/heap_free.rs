//! A device's whole work on lent buffers: it enrols, then sends a message over a secure channel.
//!
//! Built for a Cortex-M, it is where `cargo xtask embedded` looks for an allocator: nothing here or below has one.
#![cfg_attr(target_os = "none", no_std)]

use core::convert::Infallible;

use embedded_io::{ErrorType, Read, Write};
use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::drive::{DriveError, drive};
use minipki_core::limits::{CERTIFICATE, FRAME};
use minipki_core::link::{Link, Want};
use minipki_core::session::{EnrolClient, EnrolForm, EnrolOutcome, Enrolment, Fault, Initiator, Local};
use minipki_core::text::Now;
use rand_core::{CryptoRng, TryCryptoRng, TryRng};

/// Anything that moves bytes to a peer and back.
trait Stream: Read<Error = Infallible> + Write<Error = Infallible> {}

/// What a device knows from the start, and the two buffers that everything happens in.
struct Device<'d> {
    name: IdBuf,
    key: KeyPair,
    anchor: Anchor,
    now: Now,
    rx: &'d mut [u8; FRAME],
    tx: &'d mut [u8; FRAME],
}

impl Device<'_> {
    /// Proves to the CA that it holds its key, and keeps the certificate that it gets for it.
    fn enrol(
        &mut self,
        ca: &mut impl Stream,
        rng: &mut impl CryptoRng,
        certificate: &mut heapless::Vec<u8, CERTIFICATE>,
    ) -> Result<(), DriveError<Infallible>> {
        let enrolment = Enrolment {
            subject_id: self.name.clone(),
            key: &self.key,
            anchor: &self.anchor,
            now: self.now,
            form: EnrolForm::Proven { token: None },
        };
        let mut link = Link::new(EnrolClient::<Portable>::new(enrolment, rng), self.rx, self.tx);
        drive(&mut link, ca)?;
        match link.event() {
            Some(EnrolOutcome::Granted(range)) => {
                certificate.clear();
                let text = link.body().get(range).unwrap_or_default();
                certificate.extend_from_slice(text).map_err(|_| Fault::Truncated)?;
                Ok(())
            }
            Some(EnrolOutcome::Refused { code, .. }) => Err(Fault::Refused(code).into()),
            None => Err(Fault::Truncated.into()),
        }
    }

    /// Sends `text` to whoever listens, if it is certified, and closes.
    fn send(
        &mut self,
        peer: &mut impl Stream,
        rng: &mut impl CryptoRng,
        certificate: &[u8],
        text: &[u8],
    ) -> Result<(), DriveError<Infallible>> {
        let local = Local { key: &self.key, certificate, anchor: &self.anchor, now: self.now, peer: None };
        let mut link = Link::new(Initiator::<Portable>::new(local, rng), self.rx, self.tx);
        drive(&mut link, peer)?;
        let halves =
            link.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
        let (_, mut outbound, ()) = halves.ok_or(Fault::OutOfTurn)?;
        outbound.send(|channel, out| channel.seal(text, out))?;
        drive(&mut outbound, peer)?;
        outbound.send(|channel, out| channel.close(out))?;
        match drive(&mut outbound, peer)? {
            Want::Finished => Ok(()),
            _ => Err(Fault::OutOfTurn.into()),
        }
    }
}

/// A peripheral, as far as the compiler can tell: bytes, and nobody knows which.
struct Port(u8);

impl ErrorType for Port {
    type Error = Infallible;
}

impl Read for Port {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        buf.fill(core::hint::black_box(self.0));
        Ok(buf.len())
    }
}

impl Write for Port {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        self.0 = buf.iter().fold(self.0, |sum, byte| sum ^ byte);
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Stream for Port {}

impl TryRng for Port {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from(core::hint::black_box(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(core::hint::black_box(self.0)))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(core::hint::black_box(self.0));
        Ok(())
    }
}

// No firmware: a board brings a generator of its own.
impl TryCryptoRng for Port {}

/// Keeps all of it in the library, in which nothing calls it.
#[used]
static WORK: fn(&mut Device<'_>, &mut Port, &mut Port) -> Result<(), DriveError<Infallible>> =
    |device, port, rng| {
        let mut certificate = heapless::Vec::new();
        device.enrol(port, rng, &mut certificate)?;
        device.send(port, rng, &certificate, b"{\"text\":\"on\",\"type\":\"chat\"}")
    };

/// A firmware decides what a panic does; without an operating system there has to be one.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
