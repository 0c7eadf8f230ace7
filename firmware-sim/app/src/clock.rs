//! The time, as far as it can be known: what the board says, and never before what was signed already.

use minipki_core::text::{Now, UnixTime};

use crate::board::{Board, Record};
use crate::exit::Exit;

/// The newest signed time that this device has seen, kept over restarts.
///
/// A certificate is not made before it begins, so once one is verified, it is
/// at least that late. For a device without a clock that is all there is; for
/// one with a clock it shows when the clock was set back.
pub(crate) struct Clock {
    least: UnixTime,
}

impl Clock {
    /// Goes on from what was seen before the restart.
    pub(crate) fn load<B: Board>(board: &mut B) -> Self {
        let mut seconds = [0; 8];
        let stored = match board.load(Record::Time, &mut seconds) {
            Some(8) => UnixTime::new(u64::from_be_bytes(seconds)).ok(),
            _ => None,
        };
        Self { least: stored.unwrap_or(UnixTime::MIN) }
    }

    /// What is known of the time. A board's clock that is behind what was signed is not believed.
    pub(crate) fn now<B: Board>(&self, board: &mut B) -> Now {
        match board.now() {
            Now::Exact(now) if now >= self.least => Now::Exact(now),
            Now::Exact(bound) | Now::AtLeast(bound) => Now::AtLeast(bound.max(self.least)),
        }
    }

    /// Learns from a certificate that was verified, which begins at `signed`.
    ///
    /// # Errors
    /// [`Exit::Storage`] if it cannot be kept.
    pub(crate) fn saw<B: Board>(&mut self, signed: UnixTime, board: &mut B) -> Result<(), Exit> {
        if signed > self.least {
            self.least = signed;
            board.store(Record::Time, &signed.get().to_be_bytes()).map_err(|_| Exit::Storage)?;
        }
        Ok(())
    }
}

/// Says that a certificate could be checked against a lower bound of the time alone.
pub(crate) fn confess<B: Board>(now: Now, whose: &str, board: &mut B) {
    if let Now::AtLeast(least) = now {
        board.report(format_args!(
            "time: at least {least}, no more is known; whether the certificate of {whose} has expired since \
             could not be checked"
        ));
    }
}
