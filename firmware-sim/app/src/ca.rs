//! The knowledge of the device about its CA, kept over restarts: the keys, the time, and the revocation number.

use minipki_core::cert::Anchor;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::KEY;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{StatusPolicy, StatusRule};

use crate::anchor_record;
use crate::board::{Board, Record, Sizes};
use crate::clock::Clock;
use crate::config::Config;
use crate::exit::Exit;

/// The knowledge about the CA.
pub(crate) struct Ca<B: Board> {
    /// The present key, and the former keys.
    pub(crate) anchor: Anchor<Sizes<B>>,
    pub(crate) clock: Clock,
    /// The fingerprint in the configuration. The records of another one do not count.
    provisioned: Fingerprint,
    /// The highest revocation number in any verified status.
    number: u64,
}

impl<B: Board> Ca<B> {
    /// Reads the records.
    ///
    /// # Errors
    /// [`Exit::Storage`] if there is a record that cannot be read.
    pub(crate) fn load(config: &Config<'_, B::Address>, board: &mut B) -> Result<Self, Exit> {
        let provisioned = config.fingerprint;
        let mut record = [0; Record::Number.size()];
        board.load(Record::Number, &mut record).map_err(|_| Exit::Storage)?;
        let number = match record.split_first_chunk() {
            Some((fingerprint, rest)) if Fingerprint(*fingerprint) == provisioned => {
                rest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
            }
            _ => 0,
        };
        Ok(Self {
            anchor: anchor_record::load(provisioned, board)?,
            clock: Clock::load(board)?,
            provisioned,
            number,
        })
    }

    /// The time, as far as it is known.
    pub(crate) fn now(&self, board: &mut B) -> Now {
        self.clock.now(board)
    }

    /// The rules about a status, with the lowest number that it may have.
    pub(crate) const fn status_policy(&self, rule: StatusRule) -> StatusPolicy {
        StatusPolicy { rule, lowest_number: self.number }
    }

    /// Stores what a verified status proves: the lowest number and the lowest time of all later ones.
    ///
    /// # Errors
    /// [`Exit::Storage`].
    pub(crate) fn learn_from_status(
        &mut self,
        (number, this_update): (u64, UnixTime),
        now: Now,
        board: &mut B,
    ) -> Result<(), Exit> {
        if number > self.number {
            self.number = number;
            let mut record = [0; Record::Number.size()];
            let (fingerprint, rest) = record.split_at_mut(KEY);
            fingerprint.copy_from_slice(&self.provisioned.0);
            rest.split_at_mut(8).0.copy_from_slice(&number.to_be_bytes());
            board.store(Record::Number, &record).map_err(|_| Exit::Storage)?;
        }
        self.clock.learn_from_status(this_update, now, board)
    }

    /// Pins a later key of the CA, and stores that.
    ///
    /// # Errors
    /// [`Exit::Replayed`] for an earlier key; [`Exit::Storage`].
    pub(crate) fn pin(&mut self, later: Anchor<Sizes<B>>, board: &mut B) -> Result<(), Exit> {
        // The later key follows the pinned one, so the pinned one is a former key now.
        if !later.has_key(&self.anchor.fingerprint()) {
            return Err(Exit::Replayed);
        }
        anchor_record::store(self.provisioned, &later, board)?;
        self.anchor = later;
        Ok(())
    }
}
