//! The keys of a CA: their folder, and the signers that use them.

mod aws;
mod batch;
mod change;
mod error;
mod folder;
mod key_files;
mod keys;
mod names;
mod new_key;
mod pool;
mod portable;

use minipki_core::crypto::rsa::KeySize;
use minipki_core::encoding::pem;
use minipki_ifma::Engine;
use zeroize::Zeroizing;

pub use aws::AwsSigner;
pub use batch::BatchSigner;
pub use change::NextKey;
pub use error::{FolderError, KeyError};
pub use folder::CaFolder;
pub use key_files::key_in;
pub use names::{ANCHOR_FILE, KEY_FILE, NEXT_KEY_FILE, PUBLIC_KEY_FILE, former_key_file, is_former_key_file};
pub use new_key::NewKey;
pub use portable::PortableSigner;

use minipki_ca::ports::{SignError, Signer};
use minipki_passphrase::EncryptedKeyError;

/// PEM label of a PKCS#8 private key (RFC 7468 §10).
const PKCS8_LABEL: &str = "PRIVATE KEY";

/// The implementation of a signer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignerKind {
    /// The fastest one on this machine: [`SignerKind::Batch`] or [`SignerKind::Aws`].
    #[default]
    Auto,
    /// Eight signatures at a time on AVX-512 IFMA, and AWS-LC for small batches.
    Batch,
    /// AWS-LC, one signature at a time on each core.
    Aws,
    /// The RSA of `minipki_core`, the same as on a device.
    Portable,
}

impl SignerKind {
    /// The kind that [`SignerKind::Auto`] selects on this machine. Other kinds are unchanged.
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
    /// [`KeyError::Encrypted`] if the key is encrypted; [`KeyError::NoIfma`] if this CPU cannot run the batch signer;
    /// [`KeyError::Threads`]; otherwise the reason why the key is not a valid two-prime RSA key of 2048, 3072 or 4096
    /// bits with e = 65537.
    pub fn load(self, text: &[u8]) -> Result<Box<dyn Signer>, KeyError> {
        if minipki_passphrase::is_encrypted(text) {
            return Err(EncryptedKeyError::Locked.into());
        }
        // DER is shorter than its base64.
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

    /// A signer of this kind with a new RSA key of 2048 bits, which is in memory only and is wiped at its end. This takes
    /// from a tenth of a second to some seconds.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn new_key(self) -> Result<Box<dyn Signer>, SignError> {
        let key = NewKey::generate(KeySize::Bits2048).map_err(SignError::new)?;
        key.signer(self).map_err(SignError::new)
    }
}
