//! The known time: the board's own time, but never before the lower bound from the CA.

use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Validity;

use crate::board::{Board, Record};
use crate::exit::Exit;

/// The date of the firmware, the first lower bound of the time: 2026-11-23. It is set by hand, so that the same source
/// gives the same image.
pub const MADE: UnixTime = match UnixTime::new(1_795_392_000) {
    Ok(time) => time,
    Err(_) => UnixTime::MIN,
};

/// The furthest that one certificate moves the lower bound of the time: 90 days, in seconds.
///
/// This is the default lifetime of a certificate, so a device renews at least that often. If the clock of the CA was
/// wrong once, the bound is at most 90 days ahead, and a certificate that the CA issues one day later is valid again.
const STEP: u64 = 90 * 24 * 60 * 60;

/// The lower bound of the time, kept over restarts.
///
/// A CA does not issue a certificate before it begins. So the beginning of a certificate that was just issued is a
/// lower bound. A device without a clock has no other bound; a device with a clock sees whether the clock was set back.
/// A peer's certificate proves no time: its CA may have dated it ahead.
pub(crate) struct Clock {
    least: UnixTime,
    /// The latest beginning of any certificate seen since. It does not cause a refusal.
    newest: UnixTime,
}

impl Clock {
    /// Reads the bounds that were known before the restart.
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

    /// The time, as far as it is known. A board's clock that is behind the lower bound is ignored.
    pub(crate) fn now<B: Board>(&self, board: &mut B) -> Now {
        match board.now() {
            Now::Exact(now) if now >= self.least => Now::Exact(now),
            Now::Exact(bound) | Now::AtLeast(bound) => Now::AtLeast(bound.max(self.least)),
        }
    }

    /// Whether a device without a clock should request a new certificate, because its own is probably not valid `now`.
    /// It has seen a certificate that begins after the end of its own, or its own begins after the lower bound.
    pub(crate) fn suggests_renewal(&self, now: Now, own: Validity) -> bool {
        matches!(now, Now::AtLeast(at) if own.not_after() < self.newest || own.not_before() > at)
    }

    /// Moves the bound after the CA has issued a certificate that is valid `now`. A certificate that the device had
    /// before is not `new` and does not move the bound, since a CA repeats its answer.
    ///
    /// # Errors
    /// [`Exit::Storage`] if the bound cannot be stored.
    pub(crate) fn learn_from_ca<B: Board>(
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

    /// Notes the beginning of a peer's certificate, so that a device without a clock knows when to renew its own.
    ///
    /// # Errors
    /// [`Exit::Storage`] if it cannot be stored.
    pub(crate) fn learn_from_peer<B: Board>(
        &mut self,
        validity: Validity,
        now: Now,
        board: &mut B,
    ) -> Result<(), Exit> {
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

/// Reports that a certificate was checked only against a lower bound of the time.
pub(crate) fn report_uncertainty<B: Board>(now: Now, whose: &str, board: &mut B) {
    if let Now::AtLeast(least) = now {
        board.report(format_args!(
            "time: at least {least}; the expiry of the certificate of {whose} could not be checked"
        ));
    }
}
