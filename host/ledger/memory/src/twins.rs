//! The X.509 twins of certificates.

use minipki_ca::ports::TwinFacts;
use minipki_core::trust::Serial;

use super::State;

impl State {
    /// The facts about the twin of a certificate.
    pub(super) fn twin_facts(&self, serial: Serial) -> Option<TwinFacts> {
        let record = self.find(serial)?.clone();
        let (issuer_key, twin) = (self.key_of(Some(record.id)), self.twins.get(&serial).cloned());
        Some(TwinFacts { record, issuer_key, twin })
    }
}
