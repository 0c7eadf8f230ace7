//! The CA's key: the folder it is kept in, and the two signers that use it.

mod aws;
mod error;
mod folder;
mod portable;
mod x509;

use minipki_core::text::pem;
use zeroize::Zeroizing;

pub use aws::AwsSigner;
pub use error::{FolderError, KeyError};
pub use folder::CaFolder;
pub use portable::PortableSigner;
pub use x509::TlsIdentity;

use crate::ca::ports::Signer;

/// PEM label of a PKCS#8 private key (RFC 7468 §10).
const PKCS8_LABEL: &str = "PRIVATE KEY";

/// Which implementation signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignerKind {
    /// AWS-LC, several times as fast.
    #[default]
    Aws,
    /// The core's own arithmetic, the same that runs on a device.
    Portable,
}

impl SignerKind {
    /// A signer of this kind with the key in `text`, a PKCS#8 PEM file.
    ///
    /// # Errors
    /// [`KeyError`] for anything but a sound two-prime RSA key of 2048, 3072 or 4096 bits with
    /// e = 65537.
    pub fn load(self, text: &[u8]) -> Result<Box<dyn Signer>, KeyError> {
        // DER is shorter than its base64, so this room is enough for any key.
        let mut room = Zeroizing::new(vec![0; text.len()]);
        let der = pem::decode(PKCS8_LABEL, text, &mut room).map_err(KeyError::Pem)?;
        Ok(match self {
            Self::Aws => Box::new(AwsSigner::from_pkcs8_der(der)?),
            Self::Portable => Box::new(PortableSigner::from_pkcs8_der(der)?),
        })
    }
}
