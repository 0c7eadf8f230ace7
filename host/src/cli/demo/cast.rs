//! Who takes part: the CA, and two clients that meet.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use getrandom::SysRng;
use minipki_core::cert::{Anchor, IdBuf, IdError};
use minipki_core::crypto::KeyPair;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::keys::Fingerprint;
use rand_core::UnwrapErr;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::super::{CliError, Exit, progress};
use super::surprise;
use minipki_ca::Policy;
use minipki_client::{Channel, ChannelOptions, EnrolOptions, Identity, Listener};
use minipki_keys::SignerKind;
use minipki_ledger::Accept;
use minipki_net::trace::Tap;
use minipki_provider::HostProvider;
use minipki_server::state;
use minipki_server::{ServeError, Server, ServerOptions, Summary};

/// The CA's name.
pub(super) const ISSUER: &str = "demo-ca";

/// A port that is free, on this machine alone.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A CA that serves.
pub(super) struct Ca {
    provider: HostProvider,
    pub(super) address: SocketAddr,
    pub(super) fingerprint: Fingerprint,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<Summary, ServeError>>,
}

impl Ca {
    /// Makes a CA in the folder `path`, and serves.
    pub(super) async fn found(path: PathBuf, provider: HostProvider) -> Result<Self, CliError> {
        let issuer_id = id(ISSUER)?;
        let work = move || {
            progress::during("making the RSA key", || state::create(&path, issuer_id, KeySize::Bits2048))
        };
        let created = spawn_blocking(work).await.map_err(|error| surprise(&error.to_string()))??;
        let fingerprint = created.folder.fingerprint();
        let (policy, signer) = (Policy::default(), SignerKind::default());
        let authority = state::open_authority(&created.folder, policy, signer, Accept::default())?;
        let server =
            Server::bind(authority, ServerOptions { provider, listen: ANY, ..ServerOptions::default() })
                .await?;
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.run(async { drop(stopped.await) }));
        Ok(Self { provider, address, fingerprint, stop, served })
    }

    /// A new key for `name`, certified. The client knows the CA's fingerprint and nothing else.
    pub(super) async fn enrol(&self, name: &str, tap: Option<Arc<dyn Tap>>) -> Result<Identity, CliError> {
        let anchor = Anchor::from_fingerprint(self.fingerprint);
        let options = EnrolOptions { tap, ..EnrolOptions::new(self.address.to_string(), id(name)?, anchor) };
        // Nothing of the demo outlives the process.
        let key = KeyPair::generate(self.provider, &mut UnwrapErr(SysRng));
        Ok(minipki_client::enrol(key, options).await?)
    }

    /// Stops the CA; returns how many certificates it has granted.
    pub(super) async fn stop(self) -> Result<u64, CliError> {
        // If the server has ended already, its result says why.
        let _ = self.stop.send(());
        Ok(self.served.await.map_err(|error| surprise(&error.to_string()))??.granted)
    }
}

/// bob listens, alice connects, each expecting the other by name.
pub(super) async fn meet(
    alice: &Identity,
    bob: &Identity,
    tap: Option<Arc<dyn Tap>>,
) -> Result<(Channel, Channel), CliError> {
    let expecting = |peer: &Identity, tap| ChannelOptions {
        peer: Some(peer.subject_id().into()),
        tap,
        ..ChannelOptions::default()
    };
    let mut listener = Listener::bind(ANY, bob.clone(), expecting(alice, None)).await?;
    let address = listener.local_addr()?.to_string();
    let options = expecting(bob, tap);
    Ok(tokio::try_join!(minipki_client::connect(&address, alice, &options), listener.accept())?)
}

fn id(name: &str) -> Result<IdBuf, CliError> {
    name.parse().map_err(|error: IdError| CliError::new(Exit::Failed, error, ""))
}
