//! The certificate of a console by its own CA. It is short-lived, and replaced while the console runs.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use miette::Diagnostic;
use minipki_core::crypto::{Hash, Portable};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tracing::field::display;

use super::site::Names;
use super::tls::TlsError;
use minipki_ca::{SubjectName, TlsServerRequest};
use minipki_os::clock;
use minipki_server::{CaKey, CaService};

/// The console's name in the ledger and in its certificate.
const SUBJECT: &str = "console";

/// The time between two looks at the certificate, and the time after a renewal that has failed.
const LOOK: Duration = Duration::from_secs(5);
const AFTER_FAILURE: Duration = Duration::from_secs(60 * 60);

/// Issues certificates for a console.
pub(crate) struct Issuance {
    service: Arc<CaService>,
    /// The names that the certificate must have, and more names that it has if the CA certificate permits them.
    names: [Vec<SubjectName>; 2],
    shown: Arc<Shown>,
}

/// The certificate that the console shows, with its private key.
#[derive(Debug)]
pub(crate) struct Shown(RwLock<Shows>);

#[derive(Debug, Clone)]
struct Shows {
    key: Arc<CertifiedKey>,
    /// The key of the CA that has signed it.
    by: Fingerprint,
    /// The time from which on it is replaced.
    due: UnixTime,
}

impl Shown {
    fn get(&self) -> Shows {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().key)
    }
}

impl Issuance {
    /// Issues the first certificate of a console on `ip` with these names.
    ///
    /// # Errors
    /// [`TlsError`]: the console has no name that its certificate can have, or the CA cannot issue.
    pub(crate) async fn begin(service: &Arc<CaService>, names: &Names, ip: IpAddr) -> Result<Self, TlsError> {
        let [main, more] = names.certified(ip).map(|names| {
            let host = |name: &String| SubjectName::host(name).map_err(|_| TlsError::Name(name.clone()));
            names.iter().map(host).collect::<Result<Vec<_>, _>>()
        });
        let names = [main?, more?];
        if names[0].is_empty() {
            return Err(TlsError::NoName);
        }
        let first = issue(service, &names).await?;
        Ok(Self { service: service.clone(), names, shown: Arc::new(Shown(RwLock::new(first))) })
    }

    /// The certificate that the console shows at any time.
    pub(crate) fn shown(&self) -> Arc<Shown> {
        self.shown.clone()
    }

    /// Replaces the certificate after two thirds of its validity, and after a change of the CA's key.
    pub(crate) async fn keep_new(&self) -> Infallible {
        let mut wait = LOOK;
        loop {
            tokio::time::sleep(wait).await;
            wait = LOOK;
            if !self.is_due() {
                continue;
            }
            match issue(&self.service, &self.names).await {
                Ok(new) => *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = new,
                Err(error) => {
                    let next = error.help().map(display);
                    tracing::error!(%error, next, "the console keeps its certificate, and tries again in an hour");
                    wait = AFTER_FAILURE;
                }
            }
        }
    }

    fn is_due(&self) -> bool {
        let Shows { by, due, .. } = self.shown.get();
        let changed = matches!(self.service.key(), CaKey::Ready(folder) if folder.fingerprint() != by);
        changed || clock::now().is_ok_and(|now| now >= due)
    }
}

/// Issues a certificate for a new key.
async fn issue(service: &CaService, [names, more_names]: &[Vec<SubjectName>; 2]) -> Result<Shows, TlsError> {
    let by = service.folder()?.fingerprint();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    let request = TlsServerRequest {
        subject_id: SUBJECT.parse()?,
        public_key: spki.as_ref().to_vec(),
        names: names.clone(),
        more_names: more_names.clone(),
    };
    let issued = service.issue_tls_server(request).await?;
    let fingerprint = |certificate: &[u8]| Fingerprint(Portable::new().sha256(&[certificate]));
    if !issued.authority.repeated {
        tracing::info!(
            "the CA has a CA certificate now, which is on the page Authority. A browser that has imported the file \
             console-root.pem of an earlier version must import the CA certificate once in its place"
        );
    }
    for name in &issued.left_out {
        tracing::warn!(
            %name,
            "the CA certificate does not permit this name of the console, so browsers warn of the console under it"
        );
    }
    tracing::info!(
        fingerprint = %fingerprint(&issued.server.certificate),
        ca_certificate = %fingerprint(&issued.authority.certificate),
        "the console's certificate. Browsers that have imported the CA certificate do not warn"
    );
    let cross = issued.cross.into_iter().map(|one| one.certificate);
    let chain = [issued.server.certificate].into_iter().chain(issued.between).chain(cross);
    let chain = chain.map(Into::into).collect();
    let key = PrivatePkcs8KeyDer::from(pair.to_pkcs8v1()?.as_ref().to_vec()).into();
    let key = Arc::new(CertifiedKey::from_der(chain, key, &default_provider())?);
    let [begin, end] = [issued.validity.not_before(), issued.validity.not_after()].map(UnixTime::get);
    let due = begin + end.saturating_sub(begin) / 3 * 2;
    Ok(Shows { key, by, due: UnixTime::new(due).unwrap_or(issued.validity.not_after()) })
}
