//! The identity of the device: its key and certificate, kept over a restart.
//!
//! A device has one key. It is stored before the first request to the CA, and is used until the record is erased. An
//! interrupted enrolment is repeated with the same key, and the CA answers with the same certificate (protocol §7).

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::{KeyPair, Provider};
use minipki_core::limits::KEY;
use minipki_core::time::Now;
use minipki_core::trust::RevocationCheck;
use zeroize::Zeroize;

use crate::board::{Board, IDENTITY, Record, Sizes};
use crate::clock::Clock;
use crate::config::Config;
use crate::exit::Exit;

/// The offsets of the public key and the certificate in the record. The private key is at 0; zeros fill the rest.
const PUBLIC: usize = KEY;
const CERTIFICATE: usize = KEY + KEY;

/// The stored identity at a start.
pub(crate) enum Found<P: Provider> {
    /// No key.
    Nothing,
    /// A key. Its certificate is missing, not valid now, or not of the provisioned CA and subject.
    Key(KeyPair<P>),
    /// A key and the length of its verified certificate, which is in the record's memory.
    Whole(KeyPair<P>, usize),
    /// The same, but the certificate is probably not valid now ([`Clock::suggests_renewal`]).
    Old(KeyPair<P>, usize),
}

/// Reads the record into `memory`. The certificate must verify under `anchor`, for the subject of `config`.
///
/// # Errors
/// [`Exit::Storage`] if there is a record that cannot be read. It is not replaced.
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn load<B: Board>(
    config: &Config<'_, B::Address>,
    anchor: &Anchor<Sizes<B>>,
    clock: &Clock,
    now: Now,
    memory: &mut [u8; IDENTITY],
    board: &mut B,
) -> Result<Found<B::Crypto>, Exit> {
    let Some(len) = board.load(Record::Identity, memory).map_err(|_| Exit::Storage)? else {
        return Ok(Found::Nothing);
    };
    let key = take_key(board.crypto(), memory);
    // A key that was damaged has another public key.
    if memory.get(PUBLIC..CERTIFICATE) != Some(key.public().as_bytes().as_slice()) {
        board.report(format_args!("identity: the stored key is damaged"));
        return Ok(Found::Nothing);
    }
    let text = memory.get(CERTIFICATE..len).unwrap_or_default();
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(match check::<B>(config, anchor, now, &key, text) {
        Ok(certificate) if clock.suggests_renewal(now, certificate.validity()) => Found::Old(key, text.len()),
        Ok(_) => Found::Whole(key, text.len()),
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
    memory: &mut [u8; IDENTITY],
    board: &mut B,
) -> Result<(), Exit> {
    let (head, certificate) = memory.split_at_mut(CERTIFICATE);
    let (secret, public) = head.split_at_mut(PUBLIC);
    secret.copy_from_slice(key.secret().expose());
    public.copy_from_slice(key.public().as_bytes());
    certificate.get_mut(len..).unwrap_or_default().fill(0);
    let stored = board.store(Record::Identity, memory);
    memory.split_at_mut(PUBLIC).0.zeroize();
    stored.map_err(|_| Exit::Storage)
}

/// The part of `memory` for the certificate.
pub(crate) fn certificate(memory: &mut [u8; IDENTITY]) -> &mut [u8] {
    memory.split_at_mut(CERTIFICATE).1
}

/// Moves the private key out of the record.
fn take_key<P: Provider>(crypto: P, memory: &mut [u8; IDENTITY]) -> KeyPair<P> {
    let mut secret = Secret::<KEY>::zeroed();
    let (bytes, _) = memory.split_at_mut(KEY);
    secret.expose_mut().copy_from_slice(bytes);
    bytes.zeroize();
    KeyPair::from_secret(crypto, secret)
}

fn check<'t, B: Board>(
    config: &Config<'_, B::Address>,
    anchor: &Anchor<Sizes<B>>,
    now: Now,
    key: &KeyPair<B::Crypto>,
    text: &'t [u8],
) -> Result<Certificate<'t>, cert::Error> {
    let certificate = Certificate::parse(text)?;
    cert::verify(key.provider(), anchor, &certificate, now, RevocationCheck::NotChecked)?;
    certificate.require_subject(config.subject)?;
    certificate.require_key(key.public())?;
    Ok(certificate)
}
