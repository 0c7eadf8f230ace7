//! The X.509 certificates of the CA's keys that others have signed.

use minipki_ca::ports::KeyChain;
use minipki_core::keys::Fingerprint;

use super::State;

impl State {
    pub(super) fn chain(&self, key: Fingerprint) -> KeyChain {
        match self.chains.get(&key.0) {
            None => KeyChain::Own,
            Some(None) => KeyChain::Awaited,
            Some(Some(chain)) => KeyChain::Installed(chain.clone()),
        }
    }

    pub(super) fn set_chain(&mut self, key: Fingerprint, chain: Option<&[u8]>) {
        let known = self.chains.entry(key.0).or_default();
        *known = chain.map(<[u8]>::to_vec).or(known.take());
    }
}
