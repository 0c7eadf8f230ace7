//! Renewal: a new key and its certificate, before the present certificate ends (protocol §7).
//!
//! ```text
//! new key -> record Renewal -> request -> new certificate -> record Identity, as a whole -> record Renewal erased
//! ```
//!
//! A power failure at any point leaves a working identity. After one, and after a lost answer, the next start requests a
//! certificate for the same new key, and the CA repeats its answer.

use minipki_core::bytes::Secret;
use minipki_core::crypto::KeyPair;
use minipki_core::limits::KEY;
use minipki_core::session::EnrolForm;
use minipki_core::trust::Serial;

use crate::board::{Board, Record};
use crate::ca::Ca;
use crate::config::Config;
use crate::enrol::{self, Issued};
use crate::exit::Exit;
use crate::identity::{self, Present};
use crate::memory::Memory;

const SIZE: usize = Record::Renewal.size();

/// Requests a certificate for a new key, in place of the `present` one of `key`. Returns the new key and the certificate,
/// which is in `memory`.
///
/// # Errors
/// The reason why there is no new certificate. Then the present one is unchanged.
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn renew<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &Ca<B>,
    (key, present): (&KeyPair<B::Crypto>, &Present),
    memory: &mut Memory,
    board: &mut B,
) -> Result<(KeyPair<B::Crypto>, Issued), Exit> {
    let new = new_key(present.serial_number, board)?;
    enrol::reserve(&[Record::Identity, Record::Time, Record::Renewal], board)?;
    board.report(format_args!("renewing the certificate of {} at {}", config.subject, config.ca));
    let form = EnrolForm::Renewal { serial_number: present.serial_number, current: key };
    let (buffers, certificate) = memory.parts();
    let issued = enrol::enrol(config, ca, &new, (form, Some(present)), buffers, certificate, board)?;
    Ok((new, issued))
}

/// The stored new key for the renewal of this certificate. If there is none, makes one and stores it.
fn new_key<B: Board>(renewed: Serial, board: &mut B) -> Result<KeyPair<B::Crypto>, Exit> {
    // The serial number of a JSON certificate has 53 bits.
    let number = renewed.to_u64().unwrap_or_default().to_be_bytes();
    let mut record = Secret::<SIZE>::zeroed();
    let found = board.load(Record::Renewal, record.expose_mut()).map_err(|_| Exit::Storage)?;
    if found == Some(SIZE) && record.expose().get(KEY + KEY..).is_some_and(|rest| rest.starts_with(&number))
        // The CA may have certified this key already, so no other key is used.
        && let Some(key) = identity::take_key(board.crypto(), record.expose_mut())
    {
        return Ok(key);
    }
    let key = KeyPair::generate(board.crypto(), board.entropy());
    let mut record = Secret::<SIZE>::zeroed();
    identity::put_key(&key, record.expose_mut());
    if let Some(place) = record.expose_mut().get_mut(KEY + KEY..).and_then(|rest| rest.first_chunk_mut()) {
        *place = number;
    }
    board.store(Record::Renewal, record.expose()).map_err(|_| Exit::Storage)?;
    Ok(key)
}

/// Erases the new key, which the identity has now.
pub(crate) fn erase<B: Board>(board: &mut B) {
    // After a failure the record names a certificate that is gone. The next renewal overwrites it.
    let _ = board.store(Record::Renewal, &[0; SIZE]);
}
