//! TLS for a console that can be reached from other machines.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minipki_core::crypto::{Hash, Portable};
use minipki_core::keys::Fingerprint;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ServerConfig};

use super::options::Tls;
use super::site::Names;
use minipki_keys::TlsIdentityError;
use minipki_server::{CaService, ServiceError};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{}: no {what} can be read from it: {source}; give a PEM file that has one, and that may be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The certificate and the key do not serve.
    #[error(
        "{} and {} do not serve for TLS: {source}; give a certificate with the key that it was made for",
        certificate.display(),
        key.display()
    )]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why they do not.
        source: rustls::Error,
    },
    /// TLS itself does not serve.
    #[error("the console cannot speak TLS: {0}; this is a bug in minipki")]
    Rustls(#[from] rustls::Error),
    /// There is nothing to issue a certificate for.
    #[error(
        "a console on every address needs the name that browsers ask for it by, to put it into its certificate; give --name"
    )]
    NoName,
    /// A name that no certificate can carry.
    #[error(
        "{0:?} is no host name and no IP address, so no certificate can carry it; give another --name, such as ca.example"
    )]
    Name(String),
    /// The CA could not issue the certificate.
    #[error("the console has no certificate: {0}")]
    Issue(#[from] TlsIdentityError),
    /// The CA has nothing to issue with.
    #[error("the console's certificate: {0}")]
    Service(#[from] ServiceError),
}

/// What encrypts, and what a browser may be told to trust.
pub(crate) struct Encryption {
    pub(crate) acceptor: TlsAcceptor,
    /// The root of a certificate that the CA issued, PEM.
    pub(crate) root_pem: Option<String>,
}

/// Reads or issues the console's certificate, and says its fingerprint in the log.
pub(crate) fn prepare(
    tls: &Tls,
    service: &CaService,
    names: &Names,
    ip: IpAddr,
) -> Result<Encryption, TlsError> {
    let (chain, key, root_pem) = match tls {
        Tls::Files { certificate, key } => {
            let chain = CertificateDer::pem_file_iter(certificate)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
                .map_err(|source| file(certificate, "certificate", source))?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|source| file(key, "private key", source))?;
            (chain, key, None)
        }
        Tls::Issued => {
            let certified = names.certified(ip);
            if certified.is_empty() {
                return Err(TlsError::NoName);
            }
            if let Some(wrong) = certified.iter().find(|name| ServerName::try_from(name.as_str()).is_err()) {
                return Err(TlsError::Name(wrong.clone()));
            }
            let identity = service.folder()?.tls_identity(&certified)?;
            let chain = vec![identity.certificate.into(), identity.root.into()];
            let key = PrivatePkcs8KeyDer::from(identity.key.to_vec()).into();
            (chain, key, Some(identity.root_pem))
        }
    };
    if let Some(own) = chain.first() {
        let fingerprint = Fingerprint(Portable::new().sha256(&[own]));
        tracing::info!(%fingerprint, "the console's certificate; compare it when the browser asks");
    }
    // Every browser of today speaks TLS 1.3.
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|source| pair(tls, source))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Encryption { acceptor: TlsAcceptor::from(Arc::new(config)), root_pem })
}

fn file(path: &Path, what: &'static str, source: pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), what, source }
}

fn pair(tls: &Tls, source: rustls::Error) -> TlsError {
    match tls {
        Tls::Files { certificate, key } => {
            TlsError::Pair { certificate: certificate.clone(), key: key.clone(), source }
        }
        Tls::Issued => source.into(),
    }
}
