//! The time, as far as it is known: the board's own, but never a time before the lower bound from the CA.

use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Validity;

use crate::board::{Board, Record};
use crate::exit::Exit;

/// When the firmware was made, by hand, so that the same source gives the same image: 2026-11-23. For a
/// board without a clock it is at least that late.
pub const MADE: UnixTime = match UnixTime::new(1_795_392_000) {
    Ok(time) => time,
    Err(_) => UnixTime::MIN,
};

/// The furthest that one certificate moves the lower bound of the time: 90 days, in seconds.
///
/// A certificate lasts that long by default, so a device hears from its CA that often. It is also the most that one
/// certificate from a CA with a wrong clock can cost: the bound is at most that far ahead, and a certificate that the
/// CA grants one day later is valid again.
const STEP: u64 = 90 * 24 * 60 * 60;

/// The lower bound of the time, kept over restarts.
///
/// A CA does not grant a certificate before it begins, so when the device has just been granted one, it
/// is at least that late. For a device without a clock that is all there is; for one with a clock it shows
/// when the clock was set back. A peer's certificate proves no time: its CA may have dated it ahead.
pub(crate) struct Clock {
    least: UnixTime,
    /// The newest beginning of a certificate seen since. Nothing is refused for it.
    newest: UnixTime,
}

impl Clock {
    /// Goes on from what was known before the restart.
    ///
    /// # Errors
    /// [`Exit::Storage`] if there is a record that cannot be read.
    pub(crate) fn load<B: Board>(board: &mut B) -> Result<Self, Exit> {
        let mut times = [0; Record::Time.size()];
        board.load(Record::Time, &mut times).map_err(|_| Exit::Storage)?;
        let times = u128::from_be_bytes(times);
        let time = |seconds| UnixTime::new(seconds).unwrap_or(UnixTime::MIN);
        Ok(Self { least: time((times >> 64) as u64), newest: time(times as u64) })
    }

    /// The time, as far as it is known. A board's clock that is behind the lower bound is not believed.
    pub(crate) fn now<B: Board>(&self, board: &mut B) -> Now {
        match board.now() {
            Now::Exact(now) if now >= self.least => Now::Exact(now),
            Now::Exact(bound) | Now::AtLeast(bound) => Now::AtLeast(bound.max(self.least)),
        }
    }

    /// Whether a device whose certificate is valid by what is known `now` had better ask for a new one: a certificate
    /// was seen that begins after the end of its own, or its own begins after the lower bound.
    pub(crate) fn doubts(&self, now: Now, own: Validity) -> bool {
        matches!(now, Now::AtLeast(at) if own.not_after() < self.newest || own.not_before() > at)
    }

    /// Learns from the certificate that the CA has just granted and that is valid `now`. A certificate that the device
    /// had before is not `new`, and moves nothing: a CA repeats its answer.
    ///
    /// # Errors
    /// [`Exit::Storage`] if it cannot be kept.
    pub(crate) fn granted<B: Board>(
        &mut self,
        validity: Validity,
        new: bool,
        now: Now,
        board: &mut B,
    ) -> Result<(), Exit> {
        let (Now::Exact(at) | Now::AtLeast(at)) = now;
        let furthest = at.checked_add_seconds(STEP).unwrap_or(at);
        if new {
            self.least = self.least.max(validity.not_before().min(furthest));
        }
        self.newest = validity.not_before();
        self.keep(board)
    }

    /// Learns from a peer's certificate. A device without a clock then knows when to ask its CA for a new one.
    ///
    /// # Errors
    /// [`Exit::Storage`] if it cannot be kept.
    pub(crate) fn met<B: Board>(&mut self, validity: Validity, now: Now, board: &mut B) -> Result<(), Exit> {
        if matches!(now, Now::Exact(_)) || validity.not_before() <= self.newest {
            return Ok(());
        }
        self.newest = validity.not_before();
        self.keep(board)
    }

    fn keep<B: Board>(&self, board: &mut B) -> Result<(), Exit> {
        let times = u128::from(self.least.get()) << 64 | u128::from(self.newest.get());
        board.store(Record::Time, &times.to_be_bytes()).map_err(|_| Exit::Storage)
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
