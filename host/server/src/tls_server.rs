//! The certificate of the CA's own TLS server. It is issued whether or not the CA server runs, in any process: a console
//! must be reachable before the CA is started from it.

use std::time::Instant;

use minipki_ca::{CaCertificate, TlsCertificates, TlsServerRequest};
use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;

use super::error::ServiceError;
use super::events::{CaEvent, Origin, Request};
use super::service::{CaService, run_blocking};
use super::state::{tls_certificates, x509_certificate_of};

impl CaService {
    /// Issues and records the certificate of a TLS server of this CA. The CA certificate is made if there is none.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; otherwise the error of the clock, the key, the ledger or the signer.
    pub async fn issue_tls_server(&self, request: TlsServerRequest) -> Result<TlsCertificates, ServiceError> {
        let (begin, folder, server) = (Instant::now(), self.folder()?, request.subject_id.clone());
        let authority: IdBuf = folder.issuer_id().into();
        let certificates = run_blocking(move || Ok(tls_certificates(&folder, &request)?)).await?;
        for (subject, form, issued) in [
            (&authority, "CA certificate", &certificates.authority),
            (&server, "TLS server", &certificates.server),
        ] {
            if !issued.repeated {
                let request = Request { subject: subject.as_id(), form, elapsed: begin.elapsed() };
                self.events().emit(Origin::CA, CaEvent::Issued { request, issued });
            }
        }
        Ok(certificates)
    }

    /// The X.509 certificate of this key of the CA, if it was made.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; the error of the clock or the ledger.
    pub async fn x509_certificate_of(&self, key: Fingerprint) -> Result<Option<CaCertificate>, ServiceError> {
        let folder = self.folder()?;
        run_blocking(move || Ok(x509_certificate_of(&folder, key)?)).await
    }
}
