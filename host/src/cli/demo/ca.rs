//! The CA of the demo.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use minipki_core::crypto::rsa::KeySize;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::super::{CliError, Exit, progress};
use super::{id, surprise};
use minipki_ca::Policy;
use minipki_keys::SignerKind;
use minipki_lab::CaEndpoint;
use minipki_ledger::Accept;
use minipki_provider::HostProvider;
use minipki_server::{CaOptions, CaService, Limits, Serving};

/// The CA's name.
pub(super) const ISSUER: &str = "demo-ca";

/// A free port, on this machine alone.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A CA that serves.
pub(super) struct Ca {
    /// The CA as its clients reach it.
    pub(super) endpoint: CaEndpoint<'static>,
    service: Arc<CaService>,
}

impl Ca {
    /// Makes a CA in the folder `path`, and serves. `provider` computes for its sessions.
    pub(super) async fn start(path: &Path, provider: HostProvider) -> Result<Self, CliError> {
        let service = Arc::new(CaService::open(provider, path)?);
        let making = service.make_key(id(ISSUER)?, KeySize::Bits2048, |_| {})?;
        let runtime = Handle::current();
        let wait = move || progress::during("making the RSA key", || runtime.block_on(making));
        let joined = spawn_blocking(wait).await.and_then(|made| made);
        joined.map_err(|error| surprise(&error.to_string()))??;
        let options = CaOptions {
            listen: LISTEN,
            policy: Policy::default(),
            signer: SignerKind::default(),
            limits: Limits::default(),
            accept: Accept::default(),
            tap: None,
        };
        let address = service.start(options).await?.to_string();
        let anchor = service.folder()?.anchor().clone();
        Ok(Self { endpoint: CaEndpoint { address, anchor, tokens: None }, service })
    }

    /// Stops the CA; returns how many certificates it has issued.
    pub(super) async fn stop(self) -> Result<u64, CliError> {
        // A server that has ended already has left its state.
        let _ = self.service.stop().await;
        match self.service.serving() {
            Serving::Stopped(Some(summary)) => Ok(summary.granted),
            Serving::Failed(reason) => Err(CliError::told(Exit::Failed, reason)),
            _ => Err(surprise("the CA did not stop")),
        }
    }
}
