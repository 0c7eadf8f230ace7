//! Serial numbers: drawn at random, reserved on the disk ahead of use, never used twice.
//!
//! A serial must be on the disk before it is signed, or a crash between signing and recording could
//! let it be drawn again. A commit for each batch would do, and cost a second wait for the disk; so
//! serials are reserved in blocks, and a block that runs low is refilled in the transaction that
//! records certificates anyway. In the steady state a batch costs one commit.
//!
//! Serials at hand when the process ends are burned: nobody knows which of them were signed. At
//! 2^53 numbers, a block for each start is nothing.

use std::collections::VecDeque;

use minipki_core::trust::Serial;
use rand_core::TryCryptoRng;
use rusqlite::Connection;

use super::StoreError;

/// How many serials a refill brings the stock to, at least.
const BLOCK: usize = 256;

/// Reserved serials that this process has not handed out yet.
#[derive(Default)]
pub(super) struct Stock(VecDeque<Serial>);

impl Stock {
    /// How many are missing to hand out `count` at once.
    pub(super) fn missing(&self, count: usize) -> usize {
        if self.0.len() >= count { 0 } else { (count + BLOCK).saturating_sub(self.0.len()) }
    }

    /// How many the next batch may want, after one of `count`.
    pub(super) fn low(&self, count: usize) -> usize {
        self.missing(count.max(BLOCK / 2))
    }

    /// Adds serials whose reservation is committed.
    pub(super) fn add(&mut self, serials: Vec<Serial>) {
        self.0.extend(serials);
    }

    /// Hands out `count`.
    pub(super) fn take(&mut self, count: usize) -> Vec<Serial> {
        let count = count.min(self.0.len());
        self.0.drain(..count).collect()
    }
}

/// Draws `count` serials that are neither recorded nor reserved, and reserves them. They are safe
/// to use once the caller's transaction is committed.
pub(super) fn reserve<R: TryCryptoRng>(
    connection: &Connection,
    rng: &mut R,
    count: usize,
) -> Result<Vec<Serial>, StoreError> {
    // A number that is taken inserts no row, and another is drawn.
    let mut insert = connection.prepare_cached(
        "INSERT INTO reserved (serial)
         SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM certificates WHERE serial = ?1)
         ON CONFLICT DO NOTHING",
    )?;
    let mut serials = Vec::with_capacity(count);
    while serials.len() < count {
        let bits = rng.try_next_u64().map_err(|e| StoreError::Entropy(e.to_string()))?;
        // The top 53 bits: 0..=2^53-1, of which only 0 is no serial.
        let Ok(serial) = Serial::new(bits >> 11) else { continue };
        if insert.execute([serial.to_be_bytes()])? == 1 {
            serials.push(serial);
        }
    }
    Ok(serials)
}
