//! A CA for a scenario alone: its key and its ledger are in memory.

use std::net::{Ipv4Addr, SocketAddr};

use getrandom::SysRng;
use miette::Diagnostic;
use minipki_core::cert::{Anchor, IdBuf, IdError};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::time::UnixTime;
use rand_core::{Rng, UnwrapErr};
use tokio::task::{JoinHandle, spawn_blocking};

use super::CaEndpoint;
use minipki_ca::{Authority, IssueRequest, Policy, Possession, Refused};
use minipki_keys::{FolderError, KeyError, NewKey, SignerKind};
use minipki_ledger_memory::MemoryStorage;
use minipki_os::clock::{self, ClockError};
use minipki_provider::HostProvider;
use minipki_server::events::Events;
use minipki_server::{ServeError, Server, ServerOptions};

/// The issuer of its certificates.
const NAME: &str = "sandbox-ca";

/// The subject of its certificate that has ended.
const FORMER: &str = "carol";

/// The reason why there is no sandbox.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SandboxError {
    /// No key could be generated.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Generate(#[from] FolderError),
    /// The key cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyError),
    /// The name of the CA is wrong: a bug.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The server did not start.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Serve(#[from] ServeError),
    /// There is no present time.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Clock(#[from] ClockError),
    /// The first certificate was not issued: a bug.
    #[error("the sandbox CA issued no certificate: {0}")]
    #[diagnostic(help("this is a bug in minipki, please report it with the log"))]
    Issue(#[from] Refused),
    /// A thread panicked: a bug.
    #[error("a thread panicked")]
    #[diagnostic(help("this is a bug in minipki, please report it with the log"))]
    Panicked,
}

/// A CA that serves on a free port of 127.0.0.1. It writes no file and no log, and ends when this is dropped.
pub struct Sandbox {
    address: SocketAddr,
    anchor: Anchor,
    ended: Vec<u8>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Generates a key and starts to serve. This takes some seconds at most.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub async fn start(provider: HostProvider) -> Result<Self, SandboxError> {
        let generated = spawn_blocking(|| NewKey::generate(KeySize::Bits2048)).await;
        let key = generated.map_err(|_| SandboxError::Panicked)??;
        let name: IdBuf = NAME.parse()?;
        let anchor = Anchor::from_key(Portable::new(), name.as_id(), key.public().clone());
        let ledger = MemoryStorage::new(UnwrapErr(SysRng).next_u64(), key.fingerprint());
        let signer = key.signer(SignerKind::default())?;
        let mut authority = Authority::new(name, Policy::default(), signer, Box::new(ledger));
        let issued =
            spawn_blocking(move || issue_ended(&mut authority, provider).map(|ended| (authority, ended)));
        let (authority, ended) = issued.await.map_err(|_| SandboxError::Panicked)??;
        let options = ServerOptions {
            provider,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            events: Events::new(Vec::new()),
            ..ServerOptions::default()
        };
        let server = Server::bind(authority, options).await?;
        let address = server.local_addr();
        let server = tokio::spawn(async move {
            // A failed server refuses the next connection.
            let _ = server.run(std::future::pending()).await;
        });
        Ok(Self { address, anchor, ended, server })
    }

    /// A certificate of this CA that ended long ago. Nobody has its private key.
    pub fn ended(&self) -> &[u8] {
        &self.ended
    }

    /// The sandbox, as clients reach it.
    pub fn endpoint(&self) -> CaEndpoint<'static> {
        CaEndpoint { address: self.address.to_string(), anchor: self.anchor.clone(), tokens: None }
    }
}

/// Lets the CA issue a certificate as if it was long ago. The private key is thrown away.
fn issue_ended(authority: &mut Authority, provider: HostProvider) -> Result<Vec<u8>, SandboxError> {
    let (now, validity) = (clock::now()?, authority.policy().validity.as_secs());
    let then = UnixTime::new(now.get().saturating_sub(2 * validity)).unwrap_or(now);
    let key = KeyPair::generate(provider, &mut UnwrapErr(SysRng));
    let request = IssueRequest {
        subject_id: FORMER.parse()?,
        subject_key: *key.public(),
        possession: Possession::X25519Dh,
        token: None,
        renews: None,
        source: None,
    };
    let issued = authority.issue_many(&[request], then).pop().unwrap_or(Err(Refused::Internal))?;
    Ok(issued.certificate)
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}
