//! The trust anchor from a file that the user names.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::file_kind::{ExpectedFile, FileKind, OtherKind, in_folder};
use crate::identity::ANCHOR;
use minipki_core::cert::{self, Anchor};
use minipki_core::crypto::{Portable, rsa};
use minipki_os::files;
use minipki_os::text::undecorated;
use minipki_passphrase::{KeyKind, Wanted};
use zeroize::Zeroizing;

/// The number of bytes that are read of a file. An anchor is far shorter.
const MAX_LEN: u64 = 64 * 1024;

/// The reason why a file is not an anchor.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum AnchorError {
    /// The file cannot be read.
    #[error("{}", files::seen(path, source))]
    #[diagnostic(help("{}", files::advice(source)))]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is of another kind.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Other(#[from] OtherKind),
    /// The file has a damaged anchor.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("get anchor.json from the CA's operator again"))]
    Json {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// The file has a key or a certificate that is not the public key of a CA in PEM.
    #[error("{} has {found}, and the public key of a CA is expected", path.display())]
    #[diagnostic(help("{}", found.advice(path, Wanted::RsaPublic)))]
    Kind {
        /// The file.
        path: PathBuf,
        /// The kind of key in it.
        found: KeyKind,
    },
    /// The file is PEM, but has no RSA key that a CA may use.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("give the CA's public key, as `openssl pkey -pubout` writes it"))]
    Pem {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: rsa::Error,
    },
}

/// Reads a CA's `anchor.json`, or its public key as PEM. PEM names no issuer, so it pins only the key. `path` can also be
/// the folder of a CA or an identity.
///
/// # Errors
/// [`AnchorError`].
pub fn read_anchor(path: &Path) -> Result<Anchor, AnchorError> {
    let path = in_folder(path, ANCHOR);
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize + 1));
    // The first bytes of a file that is too long show its kind.
    let read = File::open(&path).and_then(|file| file.take(MAX_LEN).read_to_end(&mut text));
    if let Err(source) = read {
        return Err(AnchorError::Io { path, source });
    }
    let text = undecorated(text);
    let found = FileKind::of(&text);
    if let FileKind::Key(found) = found
        && !found.is(Wanted::RsaPublic)
    {
        return Err(AnchorError::Kind { path, found });
    }
    if !matches!(found, FileKind::Key(_)) {
        OtherKind::check(&path, found, ExpectedFile::Anchor)?;
    }
    if text.starts_with(b"{") {
        return Anchor::decode(Portable::new(), &text).map_err(|source| AnchorError::Json { path, source });
    }
    let key = <rsa::PublicKey>::from_spki_pem(&text).map_err(|source| AnchorError::Pem { path, source })?;
    Ok(Anchor::from_fingerprint(key.fingerprint(Portable::new())))
}
