//! A device makes its key once and stores it. After a restart it verifies its stored certificate again.
#![no_std]

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, Certificate, Id};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::{CERTIFICATE, KEY};
use minipki_core::time::Now;
use minipki_core::trust::RevocationCheck;
use rand_core::CryptoRng;

/// The records that outlive a restart.
#[derive(Clone, Copy)]
pub enum Record {
    /// The private key: [`KEY`] bytes.
    PrivateKey,
    /// The certificate: at most [`CERTIFICATE`] bytes.
    Certificate,
}

/// Storage that survives a power failure: a record is replaced as a whole, or not at all.
pub trait Storage {
    /// The error of the medium. A record that cannot be read is an error, never `None`.
    type Error;

    /// Copies a record to the start of `buffer`, and returns its length; `None` if it was never stored.
    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, Self::Error>;

    /// Replaces a record.
    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// The reason why a device has no identity.
#[derive(Debug)]
pub enum Error<E> {
    /// The storage failed.
    Storage(E),
    /// The stored key is not [`KEY`] bytes long, or the stored certificate is longer than [`CERTIFICATE`] bytes.
    Damaged,
    /// The stored certificate does not verify.
    Certificate(cert::Error),
}

/// The key of the device. The first start makes it, and stores it before the CA is asked for anything.
pub fn key<S: Storage>(storage: &mut S, rng: &mut impl CryptoRng) -> Result<KeyPair, Error<S::Error>> {
    let mut secret = Secret::<KEY>::zeroed();
    match storage.load(Record::PrivateKey, secret.expose_mut()).map_err(Error::Storage)? {
        Some(KEY) => Ok(KeyPair::from_secret(Portable::new(), secret)),
        Some(_) => Err(Error::Damaged),
        None => {
            let key = KeyPair::generate(Portable::new(), rng);
            storage.store(Record::PrivateKey, key.secret().expose()).map_err(Error::Storage)?;
            Ok(key)
        }
    }
}

/// The stored certificate in `buffer`, verified for this name and key and for this time. `None` before enrolment.
pub fn certificate<'b, S: Storage>(
    storage: &mut S,
    (name, key): (Id<'_>, &KeyPair),
    (anchor, now): (&Anchor, Now),
    buffer: &'b mut [u8; CERTIFICATE],
) -> Result<Option<&'b [u8]>, Error<S::Error>> {
    let Some(len) = storage.load(Record::Certificate, buffer).map_err(Error::Storage)? else {
        return Ok(None);
    };
    let text = buffer.get(..len).ok_or(Error::Damaged)?;
    let verified = Certificate::parse(text)
        .and_then(|certificate| {
            cert::verify(Portable::new(), anchor, &certificate, now, RevocationCheck::NotChecked)
        })
        .and_then(|verified| verified.require_subject(name)?.require_key(key.public()))
        .map_err(Error::Certificate)?;
    Ok(Some(verified.certificate().text()))
}
