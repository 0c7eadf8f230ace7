//! A CA for a scenario alone: its key and its ledger are in memory.

use std::net::{Ipv4Addr, SocketAddr};

use getrandom::SysRng;
use miette::Diagnostic;
use minipki_core::cert::{Anchor, IdBuf, IdError};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use rand_core::{Rng, UnwrapErr};
use tokio::task::{JoinHandle, spawn_blocking};

use super::CaEndpoint;
use minipki_ca::{Authority, Policy};
use minipki_keys::{FolderError, KeyError, NewKey, SignerKind};
use minipki_ledger_memory::MemoryStorage;
use minipki_provider::HostProvider;
use minipki_server::events::Events;
use minipki_server::{ServeError, Server, ServerOptions};

/// The issuer of its certificates.
const NAME: &str = "sandbox-ca";

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
    /// A thread panicked: a bug.
    #[error("a thread panicked")]
    #[diagnostic(help("this is a bug in minipki, please report it with the log"))]
    Panicked,
}

/// A CA that serves on a free port of 127.0.0.1. It writes no file and no log, and ends when this is dropped.
pub struct Sandbox {
    address: SocketAddr,
    anchor: Anchor,
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
        let authority = Authority::new(name, Policy::default(), signer, Box::new(ledger));
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
        Ok(Self { address, anchor, server })
    }

    /// The sandbox, as clients reach it.
    pub fn endpoint(&self) -> CaEndpoint<'static> {
        CaEndpoint { address: self.address.to_string(), anchor: self.anchor.clone(), tokens: None }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}
