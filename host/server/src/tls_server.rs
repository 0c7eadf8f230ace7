//! Certificates for the CA's own TLS servers. They are issued whether or not the CA server runs, in any process: a
//! console must be reachable before the CA is started from it.

use std::time::Instant;

use minipki_ca::ports::Storage;
use minipki_ca::{TlsCertificates, TlsServerRequest, issue_tls_server};
use minipki_core::cert::IdBuf;
use minipki_keys::{CaFolder, SignerKind};
use minipki_os::clock;

use super::error::ServiceError;
use super::events::{CaEvent, Origin, Request};
use super::service::{CaService, run_blocking};
use super::state::storage;

impl CaService {
    /// Issues and records the certificates of a TLS server of this CA.
    ///
    /// # Errors
    /// [`ServiceError::NoKey`]; otherwise the error of the clock, the key, the ledger or the signer.
    pub async fn issue_tls_server(&self, request: TlsServerRequest) -> Result<TlsCertificates, ServiceError> {
        let (begin, folder, server) = (Instant::now(), self.folder()?, request.subject_id.clone());
        let root: IdBuf = folder.issuer_id().into();
        let issued = run_blocking(move || issue(&folder, &request)).await?;
        for (subject, form, issued) in
            [(&root, "TLS root", &issued.root), (&server, "TLS server", &issued.server)]
        {
            let request = Request { subject: subject.as_id(), form, elapsed: begin.elapsed() };
            self.events().emit(Origin::CA, CaEvent::Issued { request, issued });
        }
        Ok(issued)
    }
}

fn issue(folder: &CaFolder, request: &TlsServerRequest) -> Result<TlsCertificates, ServiceError> {
    let now = clock::now()?;
    // Two signatures are not worth the threads of the other signers.
    let mut signer = folder.signer(SignerKind::Portable)?;
    let mut recorder = storage(folder).recorder(now)?;
    Ok(issue_tls_server(folder.issuer_id(), signer.as_mut(), recorder.as_mut(), request, now)?)
}
