//! Passphrases, and private keys in files that a passphrase encrypts.
//!
//! | start at | for |
//! | --- | --- |
//! | [`Passphrase`] | a passphrase from a file, a descriptor or systemd |
//! | [`open`], [`encrypt`] | the PEM of a private key, without and with encryption |
//! | [`change`] | a new passphrase for a key file |
//! | [`lock`], [`rewrite`] | the same for several files that belong together |
//! | [`KeyKind`] | the kind of a key that cannot be used, and the command that converts it |

mod change;
mod encrypted;
mod kind;
mod passphrase;

pub use change::{ChangeError, change, lock, rewrite};
pub use encrypted::{EncryptedKeyError, encrypt, encryption, is_encrypted, open};
pub use kind::{Algorithm, KeyKind, Wanted};
pub use passphrase::{CREDENTIAL, MAX, Passphrase, PassphraseError};
