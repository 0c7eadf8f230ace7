//! TLS for a console that other machines can reach.

use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use miette::Diagnostic;
use minipki_core::cert::IdError;
use minipki_core::crypto::{Hash, Portable};
use minipki_core::keys::Fingerprint;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ServerConfig};

use super::issued::Issuance;
use super::options::Tls;
use super::site::Names;
use minipki_os::files;
use minipki_server::{CaService, ServiceError};

/// The maximum size in bytes of a file with a certificate chain or a private key.
const MAX_FILE: u64 = 1024 * 1024;

/// The reason why TLS cannot be set up.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{} has no readable {what}: {source}", path.display())]
    #[diagnostic(help("give a readable PEM file that contains it"))]
    File {
        /// The file.
        path: PathBuf,
        /// The expected content.
        what: &'static str,
        /// The error of the PEM reader.
        source: pem::Error,
    },
    /// The certificate and the key cannot be used together.
    #[error("{} and {} cannot be used for TLS: {source}", certificate.display(), key.display())]
    #[diagnostic(help("give a certificate and its own key"))]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The error of rustls.
        source: rustls::Error,
    },
    /// The TLS library failed.
    #[error("the console cannot use TLS: {0}")]
    #[diagnostic(help("this is a bug in minipki"))]
    Rustls(#[from] rustls::Error),
    /// There is no name for the certificate.
    #[error("a console that listens on all addresses needs a name for its certificate")]
    #[diagnostic(help("give --name"))]
    NoName,
    /// No certificate can have this name.
    #[error("{0:?} is not a host name or an IP address, so no certificate can have it")]
    #[diagnostic(help("give another --name, for example ca.example"))]
    Name(String),
    /// The console's name is not valid, which is a bug.
    #[error("the console's name is not valid: {0}")]
    #[diagnostic(help("this is a bug in minipki, please report it"))]
    Subject(#[from] IdError),
    /// The console's key could not be generated.
    #[error("no P-256 key could be generated for the console")]
    #[diagnostic(help("try again"))]
    Generate(#[from] Unspecified),
    /// The CA could not issue the certificate.
    #[error("the console's certificate could not be issued: {0}")]
    #[diagnostic(transparent)]
    Issue(#[from] ServiceError),
}

/// The TLS of a console.
pub(crate) struct Encryption {
    pub(crate) acceptor: TlsAcceptor,
    /// The certificates by the CA; `None` with a certificate from files.
    pub(crate) issuance: Option<Issuance>,
}

/// Reads or issues the console's certificate, and logs its fingerprint.
pub(crate) async fn prepare(
    tls: &Tls,
    service: &Arc<CaService>,
    names: &Names,
    ip: IpAddr,
) -> Result<Encryption, TlsError> {
    // All current browsers support TLS 1.3.
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth();
    let (mut config, issuance) = match tls {
        Tls::Files { certificate, key } => {
            let (chain, private_key) = read_pair(certificate, key)?;
            if let Some(certificate) = chain.first() {
                let fingerprint = Fingerprint(Portable::new().sha256(&[certificate]));
                tracing::info!(%fingerprint, "the console's certificate. Compare the fingerprint if the browser warns");
            }
            let pair = |source| TlsError::Pair { certificate: certificate.clone(), key: key.clone(), source };
            (config.with_single_cert(chain, private_key).map_err(pair)?, None)
        }
        Tls::Issued => {
            let issuance = Issuance::begin(service, names, ip).await?;
            (config.with_cert_resolver(issuance.shown()), Some(issuance))
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Encryption { acceptor: TlsAcceptor::from(Arc::new(config)), issuance })
}

/// Reads a certificate chain and its private key.
fn read_pair(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let text = read(certificate, "certificate")?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(|source| file(certificate, "certificate", source))?;
    let text = read(key, "private key")?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|source| file(key, "private key", source))?;
    Ok((chain, key))
}

/// Reads a file of the command line. It can be a pipe.
fn read(path: &Path, what: &'static str) -> Result<impl Deref<Target = Vec<u8>>, TlsError> {
    files::read_up_to(path, MAX_FILE).map_err(|source| file(path, what, pem::Error::Io(source)))
}

fn file(path: &Path, what: &'static str, source: pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), what, source }
}
