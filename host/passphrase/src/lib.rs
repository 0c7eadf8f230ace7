//! Passphrases, and private keys in files that a passphrase encrypts.
//!
//! | start at | for |
//! | --- | --- |
//! | [`Passphrase`] | a passphrase from a file, a descriptor or systemd |
//! | [`open`], [`encrypt`] | the PEM of a private key, without and with encryption |
//! | [`change`] | a new passphrase for a key file |

mod change;
mod encrypted;
mod passphrase;

pub use change::{ChangeError, change};
pub use encrypted::{EncryptedKeyError, encrypt, encryption, is_encrypted, open};
pub use passphrase::{CREDENTIAL, MAX, Passphrase, PassphraseError};
