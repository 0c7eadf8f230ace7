//! The CA's key: the folder it is kept in, and the signers that use it.

mod aws;
mod batch;
mod error;
mod folder;
mod pool;
mod portable;
mod x509;

use minipki_core::encoding::pem;
use minipki_ifma::Engine;
use zeroize::Zeroizing;

pub use aws::AwsSigner;
pub use batch::BatchSigner;
pub use error::{FolderError, KeyError};
pub use folder::{ANCHOR_FILE, CaFolder, KEY_FILE, NewKey, PUBLIC_KEY_FILE};
pub use portable::PortableSigner;
pub use x509::{TlsIdentity, TlsIdentityError};

use minipki_ca::ports::Signer;

/// PEM label of a PKCS#8 private key (RFC 7468 §10).
const PKCS8_LABEL: &str = "PRIVATE KEY";

/// Which implementation signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignerKind {
    /// The fastest that this machine can: [`SignerKind::Batch`] or [`SignerKind::Aws`].
    #[default]
    Auto,
    /// Eight at a time on AVX-512 IFMA, and AWS-LC for what fills no batch.
    Batch,
    /// AWS-LC, one at a time.
    Aws,
    /// The core's own arithmetic, the same that runs on a device.
    Portable,
}

impl SignerKind {
    /// What [`SignerKind::Auto`] stands for on this machine; any other stands for itself.
    pub fn resolved(self) -> Self {
        match self {
            Self::Auto if Engine::ifma().is_some() => Self::Batch,
            Self::Auto => Self::Aws,
            other => other,
        }
    }

    /// A signer of this kind with the key in `text`, a PKCS#8 PEM file.
    ///
    /// # Errors
    /// [`KeyError::NoIfma`] for a batch signer where there can be none, [`KeyError::Threads`] where none can
    /// be started; else for anything but a sound two-prime RSA key of 2048, 3072 or 4096 bits with e = 65537.
    pub fn load(self, text: &[u8]) -> Result<Box<dyn Signer>, KeyError> {
        // DER is shorter than its base64, so this room is enough for any key.
        let mut room = Zeroizing::new(vec![0; text.len()]);
        let der = pem::decode(PKCS8_LABEL, text, &mut room).map_err(KeyError::Pem)?;
        Ok(match self.resolved() {
            Self::Batch => {
                Box::new(BatchSigner::from_pkcs8_der(Engine::ifma().ok_or(KeyError::NoIfma)?, der)?)
            }
            Self::Auto | Self::Aws => Box::new(AwsSigner::from_pkcs8_der(der)?),
            Self::Portable => Box::new(PortableSigner::from_pkcs8_der(der)?),
        })
    }
}
