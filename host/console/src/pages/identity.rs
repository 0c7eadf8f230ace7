//! The trust anchor of the CA, as the Overview and the Authority page show it.

use minipki_ca::pgp_words;
use minipki_keys::CaFolder;
use minipki_server::Serving;

/// The CA's trust anchor.
pub(crate) struct Identity {
    pub(crate) issuer_id: String,
    pub(crate) bits: usize,
    pub(crate) fingerprint: String,
    pub(crate) words: Vec<&'static str>,
    pub(crate) address: String,
}

impl Identity {
    pub(crate) fn of(folder: &CaFolder, serving: &Serving) -> Self {
        let address = match serving {
            Serving::Running(running) => running.address.to_string(),
            _ => "127.0.0.1:9000".to_owned(),
        };
        Self {
            issuer_id: folder.issuer_id().to_string(),
            bits: folder.anchor().key().map_or(0, |key| key.size().bits()),
            fingerprint: folder.fingerprint().to_string(),
            words: pgp_words::words(&folder.fingerprint().0),
            address,
        }
    }

    /// The fingerprint in groups of four digits.
    pub(crate) fn groups(&self) -> Vec<&str> {
        (0..self.fingerprint.len()).step_by(4).filter_map(|at| self.fingerprint.get(at..at + 4)).collect()
    }
}
