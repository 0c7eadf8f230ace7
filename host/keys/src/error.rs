//! What can be wrong with a key or its folder, in words for its operator.

use std::io;
use std::path::{Path, PathBuf};

use minipki_core::cert::{self, IdBuf};
use minipki_core::crypto::rsa;
use minipki_core::encoding::pem::PemError;
use minipki_core::keys::Fingerprint;

use minipki_os::files::{folder_of, quoted};

/// A private key that cannot be signed with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a PEM text of a PKCS#8 key.
    #[error("{0}; expected a PKCS#8 key in PEM")]
    Pem(PemError),
    /// Not a key for this CA.
    #[error("{0}; expected an RSA key of 2048, 3072 or 4096 bits with two primes and e = 65537")]
    Key(rsa::Error),
    /// The batch signer was asked for where it cannot work.
    #[error(
        "this CPU has no AVX-512 IFMA, which signing in batches needs; use `--signer aws-lc`, or `auto`, which chooses"
    )]
    NoIfma,
    /// AWS-LC refuses the key.
    #[error(
        "AWS-LC refuses the key ({0}); expected an RSA key of 2048, 3072 or 4096 bits with two primes and e = 65537"
    )]
    Aws(String),
    /// The threads that are to sign cannot be started.
    #[error("the threads that sign could not be started: {0}; let this user have more of them (`ulimit -u`)")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl KeyError {
    /// Whether the file's content is the reason, and not this machine.
    const fn is_content(&self) -> bool {
        matches!(self, Self::Pem(_) | Self::Key(_) | Self::Aws(_))
    }

    /// How the key in a CA folder is put back, if that helps.
    fn way_back(&self, path: &Path) -> String {
        if !self.is_content() {
            return String::new();
        }
        format!("; put back a backup: minipki ca restore --from FILE --dir {}", quoted(folder_of(path)))
    }
}

/// A CA folder could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something is there already.
    #[error(
        "{} exists and is not an empty folder, and nothing is ever overwritten; choose another folder",
        .0.display()
    )]
    Exists(PathBuf),
    /// The folder is not there.
    #[error("{} does not exist; check the path, or make a CA there: minipki ca init --dir {}", .0.display(), quoted(.0))]
    NoFolder(PathBuf),
    /// The folder has neither a key nor an anchor.
    #[error(
        "{} is no CA folder: it has neither ca-key.pem nor anchor.json; check the path, or put back a backup: minipki ca restore --from FILE --dir {}",
        .0.display(), quoted(.0)
    )]
    NoCa(PathBuf),
    /// The folder has a key and no anchor.
    #[error(
        "{} has a key and no anchor.json: the making of this CA was interrupted, or the file was lost; it is written anew from the key and the ledger by: minipki ca init --dir {}",
        .0.display(), quoted(.0)
    )]
    Unfinished(PathBuf),
    /// A key without the ledger that tells what it has issued.
    #[error(
        "{} has a key and no ledger, so what the key has issued is unknown; put back a backup: minipki ca restore --from FILE --dir {}",
        .0.display(), quoted(.0)
    )]
    KeyAlone(PathBuf),
    /// An unfinished CA that is another than the one to be made.
    #[error(
        "{} holds the unfinished CA {issuer_id} with an RSA key of {bits} bits; finish that one, or choose another folder: minipki ca init --dir {} --issuer-id {issuer_id} --bits {bits}",
        path.display(), quoted(path)
    )]
    OtherCa {
        /// The folder.
        path: PathBuf,
        /// The name of the CA that its ledger belongs to.
        issuer_id: IdBuf,
        /// The size of its key.
        bits: usize,
    },
    /// A file of a CA folder is missing.
    #[error(
        "{} does not exist, so this CA cannot issue; put back a backup: minipki ca restore --from FILE --dir {}",
        .0.display(), quoted(folder_of(.0))
    )]
    Missing(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// Others may reach the key.
    #[error(
        "{} has mode {mode:04o}, so others than its owner may reach the CA's key; run: chmod {expected:o} {}",
        path.display(), quoted(path)
    )]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        expected: u32,
    },
    /// The key could not be generated.
    #[error("the RSA key could not be generated: {0}")]
    Generate(String),
    /// The key file holds no usable key.
    #[error("{}: {source}{}", path.display(), source.way_back(path))]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The anchor file is malformed.
    #[error(
        "{}: {source}; put back a backup: minipki ca restore --from FILE --dir {}",
        path.display(), quoted(folder_of(path))
    )]
    Anchor {
        /// The anchor file.
        path: PathBuf,
        /// What is wrong with it.
        source: cert::Error,
    },
    /// The anchor names no issuer or no key.
    #[error(
        "{} has a fingerprint only, and a CA's own anchor has its name and key; put back a backup: minipki ca restore --from FILE --dir {}",
        .0.display(), quoted(folder_of(.0))
    )]
    BareAnchor(PathBuf),
    /// The key and the anchor do not belong together.
    #[error(
        "{} holds the key {key}, and the anchor beside it is for {anchor}; put back the two files that belong together",
        path.display()
    )]
    Mismatch {
        /// The key file.
        path: PathBuf,
        /// Fingerprint of its public key.
        key: Fingerprint,
        /// Fingerprint in the anchor.
        anchor: Fingerprint,
    },
}

impl FolderError {
    /// Whether a backup is what helps: a file is damaged or lost, or is another CA's.
    pub const fn needs_backup(&self) -> bool {
        match self {
            Self::Key { source, .. } => source.is_content(),
            Self::NoCa(_)
            | Self::KeyAlone(_)
            | Self::Missing(_)
            | Self::Anchor { .. }
            | Self::BareAnchor(_)
            | Self::Mismatch { .. } => true,
            _ => false,
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            io::ErrorKind::AlreadyExists => Self::Exists(path.to_owned()),
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}
