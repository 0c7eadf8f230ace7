//! The folder of a request: `key.pem` (0600), and then `request.pem` (0644). The key is on the disk before the request is
//! made. No file is overwritten.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use minipki_core::encoding::pem;
use minipki_os::files::{self, Locked, Others, ReadError};
use minipki_passphrase::{KeyKind, Passphrase};
use zeroize::Zeroizing;

use super::super::{CliError, Exit};
use super::KeyType;
use super::key::SubjectKey;

const KEY: &str = "key.pem";
const REQUEST: &str = "request.pem";

/// PEM label of a PKCS#8 private key (RFC 7468 §10).
const PKCS8_LABEL: &str = "PRIVATE KEY";

/// A folder without a request. Other processes of this command cannot use it meanwhile.
pub(super) struct Folder {
    path: PathBuf,
    _lock: Locked,
}

impl Folder {
    /// Makes the folder, if it does not exist, and locks it.
    pub(super) fn claim(path: &Path) -> Result<Self, CliError> {
        let failed = |error: io::Error| CliError::file(path, &error);
        match files::create_folder(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            made => made.map_err(failed)?,
        }
        if !Others::Read.permits(files::mode(path).map_err(failed)?) {
            let seen = format!("other users can write into {}, and could exchange the key", path.display());
            let next = format!("forbid it (chmod go-w {}), or choose another --out", files::quoted(path));
            return Err(CliError::new(Exit::Failed, seen, next));
        }
        let lock = Locked::new(File::open(path).map_err(failed)?).map_err(|error| match error {
            TryLockError::WouldBlock => {
                let seen = format!("another process makes a request in {}", path.display());
                CliError::new(Exit::Failed, seen, "wait until it has ended, or choose another --out")
            }
            TryLockError::Error(error) => failed(error),
        })?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        if folder.path.join(REQUEST).symlink_metadata().is_ok() {
            let seen = format!("{} has a request already, which is not overwritten", path.display());
            return Err(CliError::new(
                Exit::Failed,
                seen,
                "send that request to the CA, or choose another --out",
            ));
        }
        Ok(folder)
    }

    /// The file of the private key.
    pub(super) fn key_file(&self) -> PathBuf {
        self.path.join(KEY)
    }

    pub(super) fn has_key(&self) -> bool {
        self.key_file().symlink_metadata().is_ok()
    }

    /// The key in the folder, or a new one that is on the disk.
    pub(super) fn key(&self, kind: KeyType, passphrase: Option<&Passphrase>) -> Result<SubjectKey, CliError> {
        let file = self.key_file();
        if self.has_key() {
            return read(&file, kind, passphrase);
        }
        let (key, der) = SubjectKey::generate(kind)?;
        let mut text = Zeroizing::new(vec![0; 2 * der.len() + 128]);
        let length = pem::encode(PKCS8_LABEL, &der, &mut text).map(str::len);
        let length =
            length.map_err(|error| CliError::new(Exit::Failed, error, "report it to the maintainers"))?;
        text.truncate(length);
        if let Some(passphrase) = passphrase {
            text = minipki_passphrase::encrypt(&text, passphrase)
                .map_err(|error| CliError::from_diagnostic(Exit::Failed, error))?;
        }
        files::replace(&file, &text, files::SECRET).map_err(|error| CliError::file(&file, &error))?;
        Ok(key)
    }

    /// Writes the request, and returns its file.
    pub(super) fn write_request(&self, request: &[u8]) -> Result<PathBuf, CliError> {
        let file = self.path.join(REQUEST);
        files::replace(&file, request, files::PUBLIC).map_err(|error| CliError::file(&file, &error))?;
        Ok(file)
    }
}

/// Reads the key of an earlier attempt.
fn read(file: &Path, kind: KeyType, passphrase: Option<&Passphrase>) -> Result<SubjectKey, CliError> {
    let text = files::read(file, Others::Nothing).map_err(|error| match error {
        ReadError::Io(error) => CliError::file(file, &error),
        ReadError::Mode(mode) => {
            let seen = format!("other users have access to {} (mode {mode:04o})", file.display());
            let next = format!("forbid it: chmod 600 {}; or choose another --out", files::quoted(file));
            CliError::new(Exit::Failed, seen, next)
        }
    })?;
    let text = minipki_passphrase::open(text, passphrase)
        .map_err(|error| CliError::from_diagnostic(Exit::Failed, error).with(file.display()))?;
    let mut room = Zeroizing::new(vec![0; text.len()]);
    let key = pem::decode(PKCS8_LABEL, &text, &mut room).ok().and_then(|der| SubjectKey::read(kind, der));
    key.ok_or_else(|| {
        let found =
            KeyKind::of(&text).map_or_else(|| "no key that can be read".to_owned(), |kind| kind.to_string());
        let seen = format!("{} has {found}, and the --key-type is {}", file.display(), kind.name());
        CliError::new(Exit::Failed, seen, "choose another --out: the key in that folder stays as it is")
    })
}
