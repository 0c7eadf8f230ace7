//! The anchor that a user names by a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use minipki_core::cert::{self, Anchor};

use minipki_core::crypto::{Portable, rsa};

/// Far more than an anchor takes: what is longer was named by mistake.
const MOST: u64 = 64 * 1024;

/// Why a file is no anchor.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is JSON, but not an anchor's.
    #[error("{}: {source}; get anchor.json from the CA's operator again", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// It is PEM, but not of an RSA key that a CA may have.
    #[error("{}: {source}; expected the CA's public key, as `openssl pkey -pubout` writes it", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: rsa::Error,
    },
}

/// Reads a CA's `anchor.json`, or its public key as PEM. PEM names no issuer, so it pins the key alone.
///
/// # Errors
/// [`AnchorError`].
pub fn read_anchor(path: &Path) -> Result<Anchor, AnchorError> {
    let path = path.to_owned();
    let mut text = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MOST).read_to_end(&mut text));
    if let Err(source) = read {
        return Err(AnchorError::Io { path, source });
    }
    if text.trim_ascii_start().starts_with(b"{") {
        Anchor::decode(Portable::new(), &text).map_err(|source| AnchorError::Json { path, source })
    } else {
        let key =
            <rsa::PublicKey>::from_spki_pem(&text).map_err(|source| AnchorError::Pem { path, source })?;
        Ok(Anchor::from_fingerprint(key.fingerprint(Portable::new())))
    }
}
