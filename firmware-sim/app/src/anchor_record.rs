//! The record of the CA's keys: the fingerprint in the configuration, the present key, and the former keys.

use minipki_core::cert::{Anchor, FormerKey};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::KEY;
use minipki_core::time::UnixTime;

use crate::board::{Board, Record, Sizes};
use crate::exit::Exit;

const SIZE: usize = Record::Anchor.size();

/// Reads the keys that follow the `provisioned` one.
///
/// # Errors
/// [`Exit::Storage`] if there is a record that cannot be read, or is damaged. The device never goes back to an earlier key.
pub(crate) fn load<B: Board>(provisioned: Fingerprint, board: &mut B) -> Result<Anchor<Sizes<B>>, Exit> {
    let mut record = [0; SIZE];
    let found = board.load(Record::Anchor, &mut record).map_err(|_| Exit::Storage)?;
    let (head, former) = record.split_at(KEY + KEY);
    let [first, present] = head.as_chunks().0 else { return Err(Exit::Internal) };
    if found.is_none() || Fingerprint(*first) != provisioned {
        return Ok(Anchor::from_fingerprint(provisioned));
    }
    let mut anchor = Anchor::from_fingerprint(Fingerprint(*present));
    for key in former.as_chunks::<{ KEY + 8 }>().0 {
        let (Some(fingerprint), Some(until)) = (key.first_chunk(), key.last_chunk()) else { break };
        if let until @ 1.. = u64::from_be_bytes(*until) {
            let until = UnixTime::new(until).map_err(|_| Exit::Storage)?;
            let key = FormerKey { fingerprint: Fingerprint(*fingerprint), until };
            anchor.add_former_key(key).map_err(|_| Exit::Storage)?;
        }
    }
    Ok(anchor)
}

/// Stores the keys that follow the `provisioned` one.
///
/// # Errors
/// [`Exit::Storage`].
pub(crate) fn store<B: Board>(
    provisioned: Fingerprint,
    anchor: &Anchor<Sizes<B>>,
    board: &mut B,
) -> Result<(), Exit> {
    let mut record = [0; SIZE];
    let (head, former) = record.split_at_mut(KEY + KEY);
    for (place, key) in head.as_chunks_mut().0.iter_mut().zip([provisioned, anchor.fingerprint()]) {
        *place = key.0;
    }
    for (place, key) in former.as_chunks_mut::<{ KEY + 8 }>().0.iter_mut().zip(anchor.former_keys()) {
        let (fingerprint, until) = place.split_at_mut(KEY);
        fingerprint.copy_from_slice(&key.fingerprint.0);
        until.copy_from_slice(&key.until.get().to_be_bytes());
    }
    board.store(Record::Anchor, &record).map_err(|_| Exit::Storage)
}
