//! The keys of the CA, and the certificates that each has signed.

use std::ops::Range;

use minipki_ca::ports::{IssuerKey, IssuerKeyUse, LedgerError};
use minipki_core::keys::Fingerprint;

use super::State;

/// A key of the CA, and the number of the first certificate that it may have signed.
#[derive(Clone)]
pub(super) struct KeyRow {
    pub(super) key: IssuerKey,
    pub(super) first: u64,
}

impl State {
    /// The numbers of the certificates by the key at this index.
    fn numbers(&self, index: usize) -> Range<u64> {
        let end = self.keys.get(index + 1).map_or(u64::MAX, |next| next.first);
        self.keys[index].first..end
    }

    /// The numbers of the certificates by `key`, or of all.
    pub(super) fn numbers_of(&self, key: Option<Fingerprint>) -> Result<Range<u64>, LedgerError> {
        let Some(key) = key else { return Ok(0..u64::MAX) };
        let index = self.keys.iter().position(|row| row.key.fingerprint == key);
        index.map(|index| self.numbers(index)).ok_or(LedgerError::UnknownKey(key))
    }

    /// The key that has signed the certificate with this number; without a number, the newest key.
    pub(super) fn key_of(&self, id: Option<u64>) -> Fingerprint {
        let signed = |index: &usize| id.is_none_or(|id| self.numbers(*index).contains(&id));
        let index = (0..self.keys.len()).rev().find(signed).unwrap_or(0);
        self.keys[index].key.fingerprint
    }

    pub(super) fn change_key(&mut self, key: &IssuerKey) -> Result<(), LedgerError> {
        if key.update.is_none() {
            return Err(LedgerError::NoUpdate(key.fingerprint));
        }
        if self.keys.iter().any(|known| known.key.fingerprint == key.fingerprint) {
            return Err(LedgerError::KeyKnown(key.fingerprint));
        }
        self.keys.push(KeyRow { key: key.clone(), first: self.certificates.len() as u64 + 1 });
        Ok(())
    }

    pub(super) fn key_uses(&self) -> Vec<IssuerKeyUse> {
        let of = |(index, row): (usize, &KeyRow)| {
            let numbers = self.numbers(index);
            let signed = self.certificates.iter().filter(|record| numbers.contains(&record.id));
            IssuerKeyUse {
                key: row.key.clone(),
                certificates: signed.clone().count() as u64,
                last_end: signed.map(|record| record.validity.not_after()).max(),
            }
        };
        self.keys.iter().enumerate().map(of).collect()
    }
}
