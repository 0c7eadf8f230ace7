//! A passphrase, and its sources that need no terminal.

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use minipki_os::files::{self, Others, quoted};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The maximum length of a passphrase in bytes. OpenSSL reads as many.
pub const MAX: usize = 1024;

/// The name of the systemd credential with the passphrase.
pub const CREDENTIAL: &str = "minipki-passphrase";

/// A passphrase: 1 to [`MAX`] bytes without line ends and zero bytes. It is wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// The reason why there is no passphrase.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum PassphraseError {
    /// It has no character.
    #[error("the passphrase is empty")]
    #[diagnostic(help("give a passphrase with at least one character"))]
    Empty,
    /// It is longer than [`MAX`].
    #[error("the passphrase is longer than {MAX} bytes")]
    #[diagnostic(help("give a shorter passphrase"))]
    TooLong,
    /// It has a line end before its end, or a zero byte.
    #[error("the passphrase has more than one line, or a zero byte")]
    #[diagnostic(help("put the passphrase on one line, as text"))]
    NotALine,
    /// A file has no passphrase.
    #[error("{}: {source}", path.display())]
    #[diagnostic(forward(source))]
    In {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<PassphraseError>,
    },
    /// Other users may read the file.
    #[error("{} has mode {mode:04o}, so other users may read the passphrase", path.display())]
    #[diagnostic(help("run: chmod 600 {}", quoted(path)))]
    Mode {
        /// The file.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The file or descriptor cannot be read.
    #[error("{}", files::seen(path, source))]
    #[diagnostic(help("{}", files::advice(source)))]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl Passphrase {
    /// Takes the bytes of a passphrase. One line end (LF or CR LF) is removed.
    ///
    /// # Errors
    /// [`PassphraseError::Empty`], [`PassphraseError::TooLong`] or [`PassphraseError::NotALine`].
    pub fn new(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self, PassphraseError> {
        let mut bytes = bytes.into();
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        match bytes.len() {
            0 => Err(PassphraseError::Empty),
            len if len > MAX => Err(PassphraseError::TooLong),
            _ if bytes.iter().any(|byte| matches!(byte, b'\n' | 0)) => Err(PassphraseError::NotALine),
            _ => Ok(Self(bytes)),
        }
    }

    /// Reads the file `path`: a pipe, or a regular file that only its owner can read.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn from_file(path: &Path) -> Result<Self, PassphraseError> {
        Self::read(path, |file| {
            let found = file.metadata()?;
            let mode = found.mode() & 0o7777;
            Ok((found.is_file() && !Others::Nothing.permits(mode)).then_some(mode))
        })
    }

    /// Reads the open descriptor `number`, which this process has inherited, to its end.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn from_descriptor(number: u32) -> Result<Self, PassphraseError> {
        Self::read(&PathBuf::from(format!("/dev/fd/{number}")), |_| Ok(None))
    }

    /// Reads the credential [`CREDENTIAL`] that systemd passes to a service; `None` if there is none. systemd protects
    /// the file, whatever its mode.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn from_credential() -> Result<Option<Self>, PassphraseError> {
        let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") else { return Ok(None) };
        match Self::read(&Path::new(&folder).join(CREDENTIAL), |_| Ok(None)) {
            Err(PassphraseError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Reads `path`. `refused` returns the mode of a file that others can read.
    fn read(
        path: &Path,
        refused: impl FnOnce(&File) -> io::Result<Option<u32>>,
    ) -> Result<Self, PassphraseError> {
        let failed = |source| PassphraseError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        if let Some(mode) = refused(&file).map_err(failed)? {
            return Err(PassphraseError::Mode { path: path.to_owned(), mode });
        }
        // Full capacity at once: a vector that grows leaves copies behind. One byte is for the newline, one is too many.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX + 2));
        file.take(MAX as u64 + 2).read_to_end(&mut bytes).map_err(failed)?;
        Self::new(bytes)
            .map_err(|source| PassphraseError::In { path: path.to_owned(), source: Box::new(source) })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Passphrase {
    /// Compares in a time that depends on the lengths only.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
