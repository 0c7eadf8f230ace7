//! The identity of the device: its key and the certificate of it, kept over a restart.
//!
//! A device has one key. It is stored before the CA hears of it, and is used until the record is erased: an enrolment
//! that did not end is repeated with the same key, and the CA answers it with the same certificate (protocol §7).

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::{KeyPair, Provider};
use minipki_core::limits::KEY;
use minipki_core::time::Now;
use minipki_core::trust::RevocationCheck;
use zeroize::Zeroize;

use crate::board::{Board, Record, Sizes};
use crate::clock::Clock;
use crate::config::Config;
use crate::exit::Exit;
use crate::memory::IDENTITY;

/// Where the parts of the record lie: private key, public key, certificate, zeros up to the end.
const PUBLIC: usize = KEY;
const CERTIFICATE: usize = KEY + KEY;

/// What a restart finds.
pub(crate) enum Found<P: Provider> {
    /// No key.
    Nothing,
    /// A key. Its certificate is missing, not valid now, or not what the device is provisioned with.
    Key(KeyPair<P>),
    /// A key and, in the record's place, its certificate of this many bytes. It was verified.
    Whole(KeyPair<P>, usize),
    /// The same, but the certificate is probably not valid now ([`Clock::doubts`]).
    Old(KeyPair<P>, usize),
}

/// Reads the record into `memory`. No certificate in it is believed that does not verify under `anchor`, the
/// CA that `config` pins, for the subject that it names.
///
/// # Errors
/// [`Exit::Storage`] if there is a record that cannot be read. It is not replaced.
#[inline(never)] // Its frame is gone when the next phase needs the stack.
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
        Ok(certificate) if clock.doubts(now, certificate.validity()) => Found::Old(key, text.len()),
        Ok(_) => Found::Whole(key, text.len()),
        Err(_) => {
            board.report(format_args!("identity: no certificate that is good now"));
            Found::Key(key)
        }
    })
}

/// Keeps `key` and its certificate, whose `len` bytes are in `memory` already; none yet if it is 0.
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

/// Where in `memory` the certificate goes.
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
