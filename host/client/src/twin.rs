//! The X.509 twin of an identity's certificate (protocol §7), for programs that do not read certificates in JSON.
//!
//! The folder of an identity has it in `certificate.pem`, if it was asked for. The CA gives the same twin each time, so
//! the file can be fetched again at any time.

use std::io::{Error, ErrorKind};
use std::path::Path;

use minipki_core::cert::Certificate;
use minipki_core::encoding::{base64, pem};
use minipki_core::limits::X509_TWIN;
use minipki_core::session::{X509Outcome, X509Query};
use minipki_core::x509::extension::SubjectAltName;
use minipki_core::x509::{self, GeneralName, check_twin};

use super::ask::{CaContact, refused};
use super::{ClientError, Identity, IdentityError};
use minipki_os::files;
use minipki_provider::x509::ALL;

/// The file with the X.509 twin.
pub const TWIN: &str = "certificate.pem";

const LABEL: &str = "CERTIFICATE";

impl Identity {
    /// Gets the X.509 twin of this identity's certificate from the CA, in DER. It is exactly the twin: the key that signed
    /// the certificate has signed it, and its content is the same.
    ///
    /// # Errors
    /// [`ClientError::Refused`], or the failed check of the response. [`Code::UnknownType`] is the answer of a CA of an
    /// earlier version.
    ///
    /// [`Code::UnknownType`]: minipki_core::wire::Code::UnknownType
    pub async fn fetch_twin(&self, contact: &CaContact) -> Result<Vec<u8>, ClientError> {
        let (provider, anchor) = (self.key.provider(), self.issuer());
        let certificate = &Certificate::parse(self.certificate())?;
        let query = X509Query { provider, certificate, anchor, algorithms: &ALL };
        let (outcome, body) = contact.ask(query).await?;
        match outcome {
            X509Outcome::Twin(text) => {
                let text = body.get(text).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
                // The machine has decoded it already.
                Ok(base64::decode(text, &mut [0; X509_TWIN]).unwrap_or_default().to_vec())
            }
            X509Outcome::Refused { code, text } => Err(refused(code, text, &body)),
        }
    }

    /// Whether `folder` has the X.509 twin of this identity's certificate.
    pub fn has_twin(&self, folder: &Path) -> bool {
        let is_twin = |der: &[u8]| {
            let certificate = Certificate::parse(self.certificate()).ok()?;
            Some(check_twin(der, &certificate, self.issuer().key()?, &ALL).is_ok())
        };
        stored(folder).ok().flatten().and_then(|der| is_twin(&der)).unwrap_or(false)
    }

    /// Gets the X.509 twin of this identity's certificate from the CA, and stores it in `folder`, unless `folder` has it. It
    /// replaces the twin of an earlier certificate of the same subject, and no other file.
    ///
    /// # Errors
    /// The errors of [`Identity::fetch_twin`]; [`IdentityError::OtherTwin`] if the folder has another `certificate.pem`;
    /// [`IdentityError`] if the file cannot be written.
    pub async fn keep_twin(&self, contact: &CaContact, folder: &Path) -> Result<(), ClientError> {
        if self.has_twin(folder) {
            return Ok(());
        }
        let path = folder.join(TWIN);
        let failed = |error| ClientError::Folder(Box::new(error));
        match stored(folder) {
            Ok(Some(der)) if !self.is_named_by(&der) => {
                return Err(failed(IdentityError::OtherTwin(path)));
            }
            Ok(_) => {}
            Err(source) => return Err(failed(IdentityError::write(&path, source))),
        }
        let der = self.fetch_twin(contact).await?;
        let mut room = [0; 2 * X509_TWIN];
        let text = pem::encode(LABEL, &der, &mut room).map_err(Error::other);
        text.and_then(|text| files::replace(&path, text.as_bytes(), files::PUBLIC))
            .map_err(|source| failed(IdentityError::write(&path, source)))
    }

    /// Whether the X.509 certificate `der` is the twin of any certificate of this subject at this CA, by its name.
    fn is_named_by(&self, der: &[u8]) -> bool {
        let Some(issuer) = self.issuer().issuer_id() else { return false };
        let name = format!("urn:minipki:{issuer}:{}", self.subject_id());
        let names = x509::Certificate::parse(der).and_then(|found| found.extension::<SubjectAltName<'_>>());
        let mut names = names.ok().flatten().into_iter().flat_map(|found| found.value.0);
        names.any(|found| matches!(found, GeneralName::Uri(uri) if uri == name))
    }
}

/// The certificate in the file of `folder`, in DER; empty if the file has something else. `None` without a file.
fn stored(folder: &Path) -> Result<Option<Vec<u8>>, Error> {
    match files::read_bytes(&folder.join(TWIN)) {
        Ok(text) => Ok(Some(pem::decode(LABEL, &text, &mut [0; X509_TWIN]).unwrap_or_default().to_vec())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
