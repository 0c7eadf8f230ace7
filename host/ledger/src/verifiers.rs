//! The anchors that verify the recorded certificates: one for each key of the CA.

use std::collections::HashMap;

use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::{Portable, rsa};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::FORMER_KEYS;
use rusqlite::Connection;

use super::StoreError;
use super::issuer_keys::KeyRanges;
use minipki_ca::CaCertificate;
use minipki_ca::ports::{CertificateFormat, CertificateRecord};

/// The text about a certificate that is not by the CA's key of its time.
const WRONG_KEY: &str = "issuer key";

/// The anchors of the CA's keys. The public key of a former key comes from the certificates, or from one that others have
/// made for it (`installed`), and its fingerprint from the pinned anchor.
pub(super) struct Verifiers<'a> {
    pinned: &'a Anchor,
    installed: &'a [CaCertificate],
    keys: KeyRanges,
    known: HashMap<[u8; 32], Anchor>,
}

impl<'a> Verifiers<'a> {
    pub(super) fn new(
        connection: &Connection,
        pinned: &'a Anchor,
        installed: &'a [CaCertificate],
    ) -> Result<Self, StoreError> {
        Ok(Self { pinned, installed, keys: KeyRanges::read(connection)?, known: HashMap::new() })
    }

    /// The anchor of the one key that must have signed `record`.
    ///
    /// # Errors
    /// The part of the record that is wrong, as a noun phrase.
    pub(super) fn of(&mut self, record: &CertificateRecord) -> Result<&Anchor, &'static str> {
        let key = i64::try_from(record.id).ok().and_then(|id| self.keys.key_of(Some(id)).ok());
        let key = key.filter(|key| self.is_trusted(key)).ok_or(WRONG_KEY)?;
        if !self.known.contains_key(&key.0) {
            let anchor = self.anchor(key, record).ok_or(WRONG_KEY)?;
            self.known.insert(key.0, anchor);
        }
        self.known.get(&key.0).ok_or(WRONG_KEY)
    }

    /// Whether the pinned anchor has `key`. An anchor has no room for the earliest of many keys: their certificates have
    /// ended.
    fn is_trusted(&self, key: &Fingerprint) -> bool {
        self.pinned.has_key(key) || self.keys.is_before_the_last(FORMER_KEYS + 1, key)
    }

    fn anchor(&self, key: Fingerprint, record: &CertificateRecord) -> Option<Anchor> {
        let issuer_id = self.pinned.issuer_id()?;
        let public = match record.format {
            _ if key == self.pinned.fingerprint() => self.pinned.key().cloned(),
            CertificateFormat::Json => {
                Certificate::parse(&record.certificate).ok().and_then(|found| found.issuer_key().ok())
            }
            // A root has the CA's key, and is recorded before the certificate of its server.
            CertificateFormat::X509 => rsa::PublicKey::from_spki_der(&record.subject_key).ok(),
        };
        let installed = self
            .installed
            .iter()
            .filter_map(|certificate| rsa::PublicKey::from_spki_der(certificate.public_key()).ok());
        let anchor = |public| Anchor::from_key(Portable::new(), issuer_id, public);
        public.into_iter().chain(installed).map(anchor).find(|anchor| anchor.fingerprint() == key)
    }
}
