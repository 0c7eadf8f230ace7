//! The known time: the board's own time, but never before the lower bound from the CA.

use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{STATUS_SKEW, Validity};

use crate::board::{Board, Record};
use crate::exit::Exit;

/// The date of the firmware, the first lower bound of the time: 2026-11-23. It is set by hand, so that the same source
/// gives the same image.
pub const MADE: UnixTime = match UnixTime::new(1_795_392_000) {
    Ok(time) => time,
    Err(_) => UnixTime::MIN,
};

/// The furthest that one certificate moves the lower bound of the time, and the furthest that statuses move it after the
/// beginning of that certificate: 90 days, in seconds.
///
/// This is the default lifetime of a certificate, so a device renews at least that often. If the clock of the CA was
/// wrong once, the bound is at most 90 days ahead, and a certificate that the CA issues one day later is valid again.
const STEP: u64 = 90 * 24 * 60 * 60;

/// The lower bound of the time, kept over restarts.
///
/// A CA does not issue a certificate before it begins. So the beginning of a certificate that was just issued is a
/// lower bound. The time of a status is one too, also of an old status: the CA signed it at that time. A device without
/// a clock has no other bound; a device with a clock sees whether the clock was set back. A peer's certificate proves no
/// time: its CA may have dated it ahead.
pub(crate) struct Clock {
    least: UnixTime,
    /// The latest beginning of any certificate seen since. It does not cause a refusal.
    newest: UnixTime,
    /// The furthest time to which statuses move the bound.
    limit: UnixTime,
}

/// The part of its lifetime that the certificate of the device is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// A third of the lifetime or more remains, as far as it is known.
    Fresh,
    /// Less than a third remains.
    Due,
    /// Probably none remains: the device has seen a certificate that begins after the end of this one.
    PerhapsOver,
    /// None remains.
    Over,
    /// It begins after the lower bound of the time. The bound was behind, or the clock of the CA was ahead.
    Ahead,
}

impl Age {
    /// Whether the certificate may have ended.
    pub(crate) const fn may_be_over(self) -> bool {
        matches!(self, Self::PerhapsOver | Self::Over)
    }
}

impl Clock {
    /// Reads the bounds that were known before the restart.
    ///
    /// # Errors
    /// [`Exit::Storage`] if there is a record that cannot be read.
    pub(crate) fn load<B: Board>(board: &mut B) -> Result<Self, Exit> {
        let mut times = [0; Record::Time.size()];
        board.load(Record::Time, &mut times).map_err(|_| Exit::Storage)?;
        let mut numbers = times.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
        let mut time = || UnixTime::new(numbers.next().unwrap_or(0)).unwrap_or(UnixTime::MIN);
        Ok(Self { least: time(), newest: time(), limit: time() })
    }

    /// The time, as far as it is known. A board's clock that is behind the lower bound is ignored.
    pub(crate) fn now<B: Board>(&self, board: &mut B) -> Now {
        match board.now() {
            Now::Exact(now) if now >= self.least => Now::Exact(now),
            Now::Exact(bound) | Now::AtLeast(bound) => Now::AtLeast(bound.max(self.least)),
        }
    }

    /// The age of the device's certificate. A device without a clock knows only the lower bound of the time, and the
    /// certificates that it has seen.
    pub(crate) fn age(&self, now: Now, own: Validity) -> Age {
        let (Now::Exact(at) | Now::AtLeast(at)) = now;
        let lifetime = own.not_after().get().saturating_sub(own.not_before().get());
        let remains = own.not_after().get().saturating_sub(at.get());
        if at > own.not_after() {
            Age::Over
        } else if own.not_before() > at {
            Age::Ahead
        } else if matches!(now, Now::AtLeast(_)) && own.not_after() < self.newest {
            Age::PerhapsOver
        } else if remains < lifetime / 3 {
            Age::Due
        } else {
            Age::Fresh
        }
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
        let (begins, furthest) = (validity.not_before(), step_after(at));
        if new {
            self.least = self.least.max(begins.min(furthest));
            // A certificate from further ahead is a sign of a wrong clock. Then its statuses move nothing more.
            self.limit = if begins > furthest { furthest } else { step_after(begins) };
        }
        self.newest = validity.not_before();
        self.keep(board)
    }

    /// Moves the bound to the time of a verified status of the CA, of the device's certificate or of a peer's.
    ///
    /// The step is bounded, since the clock of the CA may have been wrong: a bound that is years ahead would make every
    /// certificate look expired. If each status moved the bound by a step, a few statuses of such a time, shown by a peer,
    /// would move it by years. So all statuses together move it to one step after the beginning of the device's last
    /// certificate, whatever comes.
    ///
    /// A clock of the device may be some minutes behind that of the CA, so that it does not count as set back.
    ///
    /// # Errors
    /// [`Exit::Storage`] if the bound cannot be stored.
    pub(crate) fn learn_from_status<B: Board>(
        &mut self,
        this_update: UnixTime,
        now: Now,
        board: &mut B,
    ) -> Result<(), Exit> {
        let (at, bound) = match now {
            Now::Exact(at) => (at, this_update.get().saturating_sub(STATUS_SKEW)),
            Now::AtLeast(at) => (at, this_update.get()),
        };
        if self.limit == UnixTime::MIN {
            self.limit = step_after(at);
        }
        let bound = self.limit.min(UnixTime::new(bound).unwrap_or(UnixTime::MIN));
        if bound <= self.least {
            return Ok(());
        }
        self.least = bound;
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
        let mut times = [0; Record::Time.size()];
        for (place, time) in times.as_chunks_mut().0.iter_mut().zip([self.least, self.newest, self.limit]) {
            *place = time.get().to_be_bytes();
        }
        board.store(Record::Time, &times).map_err(|_| Exit::Storage)
    }
}

/// The furthest time to which one step leads.
fn step_after(time: UnixTime) -> UnixTime {
    time.checked_add_seconds(STEP).unwrap_or(time)
}

/// Reports that a certificate was checked only against a lower bound of the time.
pub(crate) fn report_uncertainty<B: Board>(now: Now, whose: &str, board: &mut B) {
    if let Now::AtLeast(least) = now {
        board.report(format_args!(
            "time: at least {least}; the expiry of the certificate of {whose} could not be checked"
        ));
    }
}
