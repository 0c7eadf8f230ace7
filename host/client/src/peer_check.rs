//! The questions to the CA about the peers of open channels.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use minipki_core::cert::{Anchor, Status};
use minipki_core::trust::{CertStatus, Revocation, Serial};
use tokio::time::{sleep, timeout};

use super::ask::CaContact;
use super::{ClientError, fetch_status};
use minipki_provider::HostProvider;

/// The time that the CA has to say whether a peer that was revoked is good again.
const LIMIT: Duration = Duration::from_secs(3);

/// The maximum number of revoked peers that are remembered.
const REMEMBERED: usize = 10_000;

/// A CA that is asked about peers. Clones share the memory of the revoked ones.
#[derive(Clone)]
pub struct PeerCheck {
    contact: CaContact,
    provider: HostProvider,
    interval: Duration,
    revoked: Arc<Mutex<HashSet<Serial>>>,
}

impl PeerCheck {
    /// Asks `contact` at each `interval`.
    pub fn new(contact: CaContact, provider: HostProvider, interval: Duration) -> Self {
        Self { contact, provider, interval, revoked: Arc::default() }
    }

    /// Returns when the CA states that the certificate with this serial number is revoked. `issuer` has signed the
    /// certificate. An unreachable CA, and a CA that does not know the certificate, change nothing.
    pub async fn revoked(&self, serial: Serial, issuer: &Anchor) -> Revocation {
        loop {
            sleep(self.interval).await;
            if let Ok(CertStatus::Revoked(revocation)) = self.status(serial, issuer).await {
                let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
                if revoked.len() >= REMEMBERED {
                    revoked.clear();
                }
                revoked.insert(serial);
                return revocation;
            }
        }
    }

    /// Returns whether a peer with this certificate may talk. If the CA has revoked the certificate before, the peer may
    /// still show an earlier status. So the CA must state that the certificate is good again.
    pub async fn admits(&self, serial: Serial, issuer: &Anchor) -> bool {
        let known = |set: &Mutex<HashSet<Serial>>| {
            set.lock().unwrap_or_else(PoisonError::into_inner).contains(&serial)
        };
        if !known(&self.revoked) {
            return true;
        }
        let good = matches!(timeout(LIMIT, self.status(serial, issuer)).await, Ok(Ok(CertStatus::Good)));
        if good {
            self.revoked.lock().unwrap_or_else(PoisonError::into_inner).remove(&serial);
        }
        good
    }

    async fn status(&self, serial: Serial, issuer: &Anchor) -> Result<CertStatus, ClientError> {
        // With a nonce, so that nobody can send an earlier answer again.
        let text = fetch_status(&self.contact, self.provider, issuer, serial, true).await?;
        Ok(Status::parse(&text)?.status())
    }
}
