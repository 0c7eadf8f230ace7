//! Who the device is: its key, the CA it trusts, and the certificate, kept over a restart.

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::{KeyPair, Provider};
use minipki_core::limits::KEY;
use minipki_core::text::Now;
use zeroize::Zeroize;

use crate::board::{Board, Record};
use crate::config::Config;
use crate::exit::Exit;
use crate::memory::IDENTITY;

/// Where the parts of the record lie: private key, fingerprint of the CA, certificate.
const FINGERPRINT: usize = KEY;
const CERTIFICATE: usize = KEY + KEY;

/// What a restart finds.
pub(crate) enum Found<P: Provider> {
    /// Nothing, or nothing that fits what the device is provisioned with.
    Nothing,
    /// A key whose certificate has expired: it can be certified again.
    Key(KeyPair<P>),
    /// A key and, in the record's place, its certificate of this many bytes. It was verified.
    Whole(KeyPair<P>, usize),
}

/// Reads the record into `memory`. Nothing in it is believed that does not verify under `anchor`, the
/// CA that `config` pins, for the subject that it names.
#[inline(never)] // Its frame is gone when the next phase needs the stack.
pub(crate) fn load<B: Board>(
    config: &Config<'_, B::Address>,
    anchor: &Anchor,
    now: Now,
    memory: &mut [u8; IDENTITY],
    board: &mut B,
) -> Found<B::Crypto> {
    let Some(len) = board.load(Record::Identity, memory) else { return Found::Nothing };
    let key = take_key::<B>(memory);
    let fits = memory.get(FINGERPRINT..CERTIFICATE) == Some(config.fingerprint.0.as_slice());
    let text = memory.get(CERTIFICATE..len).filter(|_| fits).unwrap_or_default();
    match check::<B>(config, anchor, now, &key, text) {
        Ok(()) => Found::Whole(key, text.len()),
        Err(cert::Error::Expired { .. }) => Found::Key(key),
        Err(_) => {
            board.report(format_args!("identity: what is stored is not for this CA and subject"));
            Found::Nothing
        }
    }
}

/// Keeps `key` and its certificate, whose `len` bytes are in `memory` already.
///
/// # Errors
/// [`Exit::Storage`].
pub(crate) fn store<B: Board>(
    config: &Config<'_, B::Address>,
    key: &KeyPair<B::Crypto>,
    len: usize,
    memory: &mut [u8; IDENTITY],
    board: &mut B,
) -> Result<(), Exit> {
    let (head, _) = memory.split_at_mut(CERTIFICATE);
    let (secret, fingerprint) = head.split_at_mut(FINGERPRINT);
    secret.copy_from_slice(key.secret().expose());
    fingerprint.copy_from_slice(&config.fingerprint.0);
    let record = memory.get(..CERTIFICATE.saturating_add(len)).ok_or(Exit::Internal)?;
    let stored = board.store(Record::Identity, record);
    memory.split_at_mut(FINGERPRINT).0.zeroize();
    stored.map_err(|_| Exit::Storage)
}

/// Where in `memory` the certificate goes.
pub(crate) fn certificate(memory: &mut [u8; IDENTITY]) -> &mut [u8] {
    memory.split_at_mut(CERTIFICATE).1
}

/// Moves the private key out of the record.
fn take_key<B: Board>(memory: &mut [u8; IDENTITY]) -> KeyPair<B::Crypto> {
    let mut secret = Secret::<KEY>::zeroed();
    let (bytes, _) = memory.split_at_mut(KEY);
    secret.expose_mut().copy_from_slice(bytes);
    bytes.zeroize();
    KeyPair::from_secret(secret)
}

fn check<B: Board>(
    config: &Config<'_, B::Address>,
    anchor: &Anchor,
    now: Now,
    key: &KeyPair<B::Crypto>,
    text: &[u8],
) -> Result<(), cert::Error> {
    cert::verify::<B::Crypto>(anchor, &Certificate::parse(text)?, now)?
        .require_subject(config.subject)?
        .require_key(key.public())?;
    Ok(())
}
