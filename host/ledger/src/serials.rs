//! Serial numbers: random, reserved on the disk before use, and never used twice.
//!
//! A serial number must be on the disk before it is signed. Otherwise it could be drawn again after a crash between
//! signing and recording. Serial numbers are reserved in blocks, and the transaction that records certificates reserves
//! the next block too. So a batch usually needs one commit.
//!
//! At the end of the process the remaining reserved numbers are lost: a small part of 2^53 numbers for each start.

use std::collections::VecDeque;

use minipki_core::trust::{Serial, SerialError};
use rand_core::TryCryptoRng;
use rusqlite::Connection;

use super::StoreError;
use minipki_ca::ports::CertificateFormat;

/// The minimum number of serial numbers in stock after a refill.
const BLOCK: usize = 256;

/// The octets of a serial number for X.509: 126 random bits.
const X509_OCTETS: usize = 16;

/// The reserved serial numbers that are not used yet.
#[derive(Default)]
pub(super) struct Stock(VecDeque<Serial>);

impl Stock {
    /// The number to reserve before `count` can be taken.
    pub(super) fn missing(&self, count: usize) -> usize {
        if self.0.len() >= count { 0 } else { (count + BLOCK).saturating_sub(self.0.len()) }
    }

    /// The number to reserve for the next batch, after a batch of `count`.
    pub(super) fn refill_count(&self, count: usize) -> usize {
        self.missing(count.max(BLOCK / 2))
    }

    /// Adds serial numbers after the commit of their reservation.
    pub(super) fn add(&mut self, serials: Vec<Serial>) {
        self.0.extend(serials);
    }

    /// Takes `count` serial numbers.
    pub(super) fn take(&mut self, count: usize) -> Vec<Serial> {
        let count = count.min(self.0.len());
        self.0.drain(..count).collect()
    }
}

/// Draws `count` serial numbers for this format that are neither recorded nor reserved, and reserves them. They can be
/// used after the commit of the caller's transaction.
pub(super) fn reserve<R: TryCryptoRng>(
    connection: &Connection,
    rng: &mut R,
    count: usize,
    format: CertificateFormat,
) -> Result<Vec<Serial>, StoreError> {
    // A number in use inserts no row. Then another number is drawn.
    let mut insert = connection.prepare_cached(
        "INSERT INTO reserved (serial)
         SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM certificates WHERE serial = ?1)
         ON CONFLICT DO NOTHING",
    )?;
    let mut serials = Vec::with_capacity(count);
    while serials.len() < count {
        // 0 is not a serial number.
        let Ok(serial) = draw(rng, format).map_err(|e| StoreError::Entropy(e.to_string()))? else { continue };
        if insert.execute([serial.to_be_bytes()])? == 1 {
            serials.push(serial);
        }
    }
    Ok(serials)
}

/// A random number: 53 bits for JSON, 16 octets without a leading zero for X.509 (RFC 5280 §4.1.2.2 allows 20).
fn draw<R: TryCryptoRng>(
    rng: &mut R,
    format: CertificateFormat,
) -> Result<Result<Serial, SerialError>, R::Error> {
    match format {
        CertificateFormat::Json => Ok(Serial::new(rng.try_next_u64()? >> 11)),
        CertificateFormat::X509 => {
            let mut octets = [0; X509_OCTETS];
            rng.try_fill_bytes(&mut octets)?;
            // The sign bit is clear, and the next one is set.
            octets[0] = octets[0] & 0x7f | 0x40;
            Ok(Serial::from_be_bytes(&octets))
        }
    }
}
