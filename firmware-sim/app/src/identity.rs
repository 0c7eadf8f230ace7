//! The identity of the device: its key and certificate, kept over a restart.
//!
//! Each key is stored before the first request to the CA, and is used until the CA has answered. An interrupted
//! enrolment is repeated with the same key, and the CA answers with the same certificate (protocol §7).

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Certificate};
use minipki_core::crypto::{KeyPair, Provider};
use minipki_core::limits::{KEY, STAPLED};
use minipki_core::time::Now;
use minipki_core::trust::{RevocationCheck, Serial, Validity, ValidityError};
use zeroize::Zeroize;

use crate::board::{Board, IDENTITY, Record};
use crate::ca::Ca;
use crate::clock::Age;
use crate::config::Config;
use crate::exit::Exit;

/// The offsets of the public key and the certificate in the record. The private key is at 0; zeros fill the rest.
const PUBLIC: usize = KEY;
pub(crate) const CERTIFICATE: usize = KEY + KEY;

/// The memory for the record. After it there is room for the status of the certificate.
pub(crate) type Place = [u8; KEY + KEY + STAPLED];

/// The stored identity at a start.
pub(crate) enum Found<P: Provider> {
    /// No key.
    Nothing,
    /// A key. Its certificate is missing, not valid yet, or not of the provisioned CA and subject.
    Key(KeyPair<P>),
    /// A key, and its verified certificate, which is in the record's memory.
    Whole(KeyPair<P>, Present),
}

/// The certificate of the device.
pub(crate) struct Present {
    /// The length in bytes.
    pub(crate) len: usize,
    pub(crate) serial_number: Serial,
    pub(crate) validity: Validity,
    pub(crate) age: Age,
}

/// Reads the record into `memory`. The certificate must verify, for the subject of `config`.
///
/// # Errors
/// [`Exit::Storage`] if there is a record that cannot be read. It is not replaced.
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn load<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &Ca<B>,
    now: Now,
    memory: &mut Place,
    board: &mut B,
) -> Result<Found<B::Crypto>, Exit> {
    let (record, _) = memory.split_at_mut(IDENTITY);
    let Some(len) = board.load(Record::Identity, record).map_err(|_| Exit::Storage)? else {
        return Ok(Found::Nothing);
    };
    let Some(key) = take_key(board.crypto(), record) else {
        board.report(format_args!("identity: the stored key is damaged"));
        return Ok(Found::Nothing);
    };
    let text = record.get(CERTIFICATE..len).unwrap_or_default();
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(match check(config, ca, now, &key, text) {
        Ok(certificate) => {
            let (serial_number, validity) = (certificate.serial_number(), certificate.validity());
            let age = ca.clock.age(now, validity);
            Found::Whole(key, Present { len: text.len(), serial_number, validity, age })
        }
        Err(_) => {
            board.report(format_args!("identity: no usable certificate"));
            Found::Key(key)
        }
    })
}

/// Stores `key` and its certificate, whose `len` bytes are in `memory` already. Without a certificate `len` is 0.
///
/// # Errors
/// [`Exit::Storage`].
pub(crate) fn store<B: Board>(
    key: &KeyPair<B::Crypto>,
    len: usize,
    memory: &mut Place,
    board: &mut B,
) -> Result<(), Exit> {
    let (record, _) = memory.split_at_mut(IDENTITY);
    put_key(key, record);
    record.get_mut(CERTIFICATE + len..).unwrap_or_default().fill(0);
    let stored = board.store(Record::Identity, record);
    record.split_at_mut(PUBLIC).0.zeroize();
    stored.map_err(|_| Exit::Storage)
}

/// The part of `memory` for the certificate, and for its status after it.
pub(crate) fn certificate(memory: &mut Place) -> &mut [u8] {
    memory.split_at_mut(CERTIFICATE).1
}

/// Verifies a certificate of the device.
///
/// # Errors
/// The failed check. A certificate that has expired passes.
#[inline(never)] // As above.
pub(crate) fn check<'t, B: Board>(
    config: &Config<'_, B::Address>,
    ca: &Ca<B>,
    now: Now,
    key: &KeyPair<B::Crypto>,
    text: &'t [u8],
) -> Result<Certificate<'t>, cert::Error> {
    let certificate = Certificate::parse(text)?;
    // The time is checked last, so a certificate that has expired is genuine.
    match cert::verify(key.provider(), &ca.anchor, &certificate, now, RevocationCheck::NotChecked) {
        Ok(_) | Err(cert::Error::Validity(ValidityError::Expired { .. })) => {}
        Err(error) => return Err(error),
    }
    certificate.require_subject(config.subject)?;
    certificate.require_key(key.public())?;
    Ok(certificate)
}

/// Writes the private key and the public key to the start of a record.
pub(crate) fn put_key<P: Provider>(key: &KeyPair<P>, record: &mut [u8]) {
    let parts = [key.secret().expose(), key.public().as_bytes()];
    for (place, part) in record.chunks_exact_mut(KEY).zip(parts) {
        place.copy_from_slice(part);
    }
}

/// Moves the private key out of the start of a record. A key that was damaged has another public key than the stored
/// one: `None`.
pub(crate) fn take_key<P: Provider>(crypto: P, record: &mut [u8]) -> Option<KeyPair<P>> {
    let (bytes, rest) = record.split_at_mut_checked(KEY)?;
    let mut secret = Secret::<KEY>::zeroed();
    secret.expose_mut().copy_from_slice(bytes);
    bytes.zeroize();
    let key = KeyPair::from_secret(crypto, secret);
    (rest.get(..KEY) == Some(key.public().as_bytes().as_slice())).then_some(key)
}
