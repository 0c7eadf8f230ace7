//! The signers of a CA: the one of its present key, and those of its former keys.

use minipki_core::crypto::{Portable, rsa};
use minipki_core::keys::Fingerprint;

use super::Signer;

/// The signers of a CA. The present key signs certificates. Each key signs the statuses of its own certificates.
pub(super) struct Signers {
    present: Box<dyn Signer>,
    former: Vec<Box<dyn Signer>>,
    /// The fingerprints: of the present key, then of the former ones.
    keys: Vec<Fingerprint>,
}

impl Signers {
    pub(super) fn new(present: Box<dyn Signer>) -> Self {
        let keys = vec![fingerprint(&*present)];
        Self { present, former: Vec::new(), keys }
    }

    pub(super) fn add_former(&mut self, signers: Vec<Box<dyn Signer>>) {
        self.keys.extend(signers.iter().map(|signer| fingerprint(&**signer)));
        self.former.extend(signers);
    }

    /// The key that signs certificates.
    pub(super) fn public_key(&self) -> &rsa::PublicKey {
        self.present.public_key()
    }

    /// The signer of certificates.
    pub(super) fn present(&mut self) -> &mut dyn Signer {
        &mut *self.present
    }

    /// The fingerprints of all keys, the present one first.
    pub(super) fn keys(&self) -> &[Fingerprint] {
        &self.keys
    }

    /// The signer of this key, if there is one.
    pub(super) fn of(&mut self, key: Fingerprint) -> Option<&mut Box<dyn Signer>> {
        let signers = std::iter::once(&mut self.present).chain(&mut self.former);
        self.keys.iter().zip(signers).find(|(known, _)| **known == key).map(|(_, signer)| signer)
    }
}

/// The fingerprint of the signer's key.
pub(super) fn fingerprint(signer: &dyn Signer) -> Fingerprint {
    signer.public_key().fingerprint(Portable::new())
}
