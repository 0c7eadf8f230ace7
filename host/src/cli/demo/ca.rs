//! The CA of the demo.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use minipki_core::crypto::rsa::KeySize;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::super::{CliError, Exit, output};
use super::{bug, id};
use minipki_ca::Policy;
use minipki_keys::SignerKind;
use minipki_lab::CaEndpoint;
use minipki_ledger::Accept;
use minipki_provider::HostProvider;
use minipki_server::{CaOptions, CaService, Limits, Serving};

/// The CA's name.
pub(super) const ISSUER: &str = "demo-ca";

/// A free port on loopback.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running CA.
pub(super) struct Ca {
    /// The CA's address and anchor, for its clients.
    pub(super) endpoint: CaEndpoint<'static>,
    service: Arc<CaService>,
}

impl Ca {
    /// Makes a CA in the folder `path`, and starts its server. `provider` computes for its sessions.
    pub(super) async fn start(path: &Path, provider: HostProvider) -> Result<Self, CliError> {
        let service = Arc::new(CaService::open(provider, path)?);
        let making = service.make_key(id(ISSUER)?, KeySize::Bits2048, |_| {})?;
        let runtime = Handle::current();
        let wait = move || output::with_spinner("making the RSA key", || runtime.block_on(making));
        let joined = spawn_blocking(wait).await.and_then(|made| made);
        joined.map_err(|error| bug(&error.to_string()))??;
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

    /// Stops the CA. Returns the number of certificates that it has issued.
    pub(super) async fn stop(self) -> Result<u64, CliError> {
        // The server may have stopped already. `serving` has its result.
        let _ = self.service.stop().await;
        match self.service.serving() {
            Serving::Stopped(Some(summary)) => Ok(summary.granted),
            Serving::Failed(reason) => Err(CliError::from_diagnostic(Exit::Failed, reason)),
            _ => Err(bug("the CA did not stop")),
        }
    }
}
