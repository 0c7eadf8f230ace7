//! The errors of a key and its folder, for the operator.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use minipki_core::cert::{self, IdBuf};
use minipki_core::crypto::rsa;
use minipki_core::encoding::pem::PemError;
use minipki_core::keys::Fingerprint;

use super::names::{ANCHOR_FILE, KEY_FILE, NEXT_KEY_FILE, is_former_key_file, other_key_files};
use minipki_os::files::{self, folder_of, quoted};
use minipki_passphrase::{ChangeError, EncryptedKeyError, KeyKind, Wanted};

/// The reason why a private key cannot sign.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum KeyError {
    /// The key is encrypted, and cannot be decrypted.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Encrypted(#[from] EncryptedKeyError),
    /// The text is not a PKCS#8 key in PEM.
    #[error("{0}: expected a PKCS#8 key in PEM")]
    Pem(PemError),
    /// The file has another key than the private key of a CA, or the key in another form.
    #[error("it has {0}, and an RSA private key in PEM is expected")]
    Kind(KeyKind),
    /// The key is not usable for a CA.
    #[error("{0}: expected an RSA key of 2048, 3072 or 4096 bits with two primes and e = 65537")]
    Key(rsa::Error),
    /// The CPU cannot run the requested batch signer.
    #[error("the batch signer needs AVX-512 IFMA, and this CPU does not have it")]
    #[diagnostic(help("use `--signer aws-lc` or `--signer auto`"))]
    NoIfma,
    /// AWS-LC refuses the key.
    #[error(
        "AWS-LC refuses the key ({0}): expected an RSA key of 2048, 3072 or 4096 bits with two primes and \
         e = 65537"
    )]
    Aws(String),
    /// The threads of the signer cannot be started.
    #[error("the threads that sign could not be started: {0}")]
    #[diagnostic(help("raise the limit of threads for this user (`ulimit -u`)"))]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl KeyError {
    /// Whether the content of the file is the reason, not this machine.
    pub const fn is_content(&self) -> bool {
        match self {
            Self::Encrypted(error) => error.is_content(),
            Self::Pem(_) | Self::Kind(_) | Self::Key(_) | Self::Aws(_) => true,
            Self::NoIfma | Self::Threads(_) => false,
        }
    }

    /// Whether the key is encrypted, and no passphrase is given.
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Encrypted(EncryptedKeyError::Locked))
    }

    /// The advice for the key file at `path`.
    fn advice(&self, path: &Path) -> String {
        let folder = folder_of(path);
        let help = match self {
            Self::Encrypted(error) => error.advice(path),
            error => error.help().map(|help| help.to_string()),
        };
        let Some(mut advice) = help else { return restore(folder) };
        // Without a passphrase, the present key alone says nothing about the other files.
        let may_be_interrupted = match self {
            Self::Encrypted(EncryptedKeyError::WrongPassphrase) => true,
            error => error.is_locked() && !path.ends_with(KEY_FILE),
        };
        if !may_be_interrupted {
            return advice;
        }
        if other_key_files(folder).is_ok_and(|others| !others.is_empty()) {
            advice.push_str(&format!(
                ". The CA has several key files, so an interrupted change of the passphrase may be the reason. To \
                 complete it, make the same change again: minipki ca passphrase --dir {}",
                quoted(folder)
            ));
        }
        if path.ends_with(NEXT_KEY_FILE) {
            advice.push_str(". If this file comes from elsewhere, move it to another folder");
        }
        advice
    }

    /// The advice for the file of a key that another program made.
    fn advice_for_import(&self, path: &Path) -> String {
        let help = match self {
            Self::Kind(kind) => Some(kind.advice(path, Wanted::Rsa)),
            Self::Encrypted(error) => error.advice(path),
            error => error.help().map(|help| help.to_string()),
        };
        help.unwrap_or_else(|| {
            "give an RSA key in PEM: PKCS#8, also encrypted, or PKCS#1. To make one: openssl genpkey -algorithm RSA \
             -pkeyopt rsa_keygen_bits:3072 -out rsa.pem"
                .to_owned()
        })
    }
}

/// The advice to restore a backup into a CA folder.
fn restore(folder: &Path) -> String {
    format!("put back a backup: minipki ca restore --from FILE --dir {}", quoted(folder))
}

/// The advice for a folder without a CA. Nothing may be restored into a folder with files of something else.
fn advice_for_no_ca(path: &Path) -> String {
    let has_ledger = path.join("ledger.sqlite").exists();
    let is_empty = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    match () {
        () if has_ledger => format!("check the path, or {}", restore(path)),
        () if is_empty => {
            format!("check the path, or make a CA there: minipki ca init --dir {}", quoted(path))
        }
        () => "check the path: give the folder that `minipki ca init` made".to_owned(),
    }
}

/// The advice for an anchor that is not a CA's anchor. The key and the ledger are enough to make it again.
fn advice_for_anchor(path: &Path) -> String {
    let folder = folder_of(path);
    if folder.join(KEY_FILE).exists() {
        format!(
            "move {ANCHOR_FILE} away, then this command writes it again: minipki ca init --dir {}",
            quoted(folder)
        )
    } else {
        restore(folder)
    }
}

/// The advice for a file with the wrong key.
fn advice_for_mismatch(path: &Path) -> String {
    let is_former = path.file_name().and_then(|name| name.to_str()).is_some_and(is_former_key_file);
    // A restore refuses a folder whose present key is another one.
    if is_former {
        restore(folder_of(path))
    } else {
        "put back the two files that belong together".to_owned()
    }
}

/// A CA folder could not be made or opened.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum FolderError {
    /// The path exists, and is not an empty folder.
    #[error("{} exists and is not an empty folder, and nothing is ever overwritten", .0.display())]
    #[diagnostic(help("choose another folder"))]
    Exists(PathBuf),
    /// The folder does not exist.
    #[error("{} does not exist", .0.display())]
    #[diagnostic(help("check the path, or make a CA there: minipki ca init --dir {}", quoted(.0)))]
    NoFolder(PathBuf),
    /// The folder has neither a key nor an anchor.
    #[error("{} is no CA folder: it has neither ca-key.pem nor anchor.json", .0.display())]
    #[diagnostic(help("{}", advice_for_no_ca(.0)))]
    NoCa(PathBuf),
    /// The folder of an identity.
    #[error("{} is the folder of an identity, and not of a CA", .0.display())]
    #[diagnostic(help("give the folder that `minipki ca init` made"))]
    Identity(PathBuf),
    /// The folder has a key, but no anchor.
    #[error(
        "{} has a key and no anchor.json: the creation of this CA was interrupted, or the file was lost",
        .0.display()
    )]
    #[diagnostic(help(
        "this command writes it again: minipki ca init --dir {}", quoted(.0)
    ))]
    Unfinished(PathBuf),
    /// The folder has a key, but no ledger.
    #[error("{} has a key and no ledger, so what the key has issued is unknown", .0.display())]
    #[diagnostic(help("{}", restore(.0)))]
    KeyAlone(PathBuf),
    /// The folder has an unfinished CA with another name or key size.
    #[error("{} holds the unfinished CA {issuer_id} with an RSA key of {bits} bits", path.display())]
    #[diagnostic(help(
        "finish that one, or choose another folder: minipki ca init --dir {} --issuer-id {issuer_id} --bits \
         {bits}",
        quoted(path)
    ))]
    OtherCa {
        /// The folder.
        path: PathBuf,
        /// The name of the CA in the ledger.
        issuer_id: IdBuf,
        /// The size of the key.
        bits: usize,
    },
    /// The next key of an interrupted change has another size.
    #[error("{} has an RSA key of {bits} bits from an interrupted change of the key", path.display())]
    #[diagnostic(help(
        "continue that change: minipki ca rollover --dir {} --bits {bits}",
        quoted(folder_of(path))
    ))]
    OtherNextKey {
        /// The file.
        path: PathBuf,
        /// The size of its key.
        bits: usize,
    },
    /// The next key is not the key of an unfinished change.
    #[error("{} has the key {key}, {what}", path.display())]
    #[diagnostic(help(
        "move this file to another folder, then change the key again: minipki ca rollover --dir {}",
        quoted(folder_of(path))
    ))]
    WrongNextKey {
        /// The file.
        path: PathBuf,
        /// The fingerprint of its key.
        key: Fingerprint,
        /// The observation about this key.
        what: String,
    },
    /// The CA never had this key.
    #[error("{} has no key {key} of this CA", path.display())]
    #[diagnostic(help("see its keys: minipki ca fingerprint --dir {} --json", quoted(path)))]
    UnknownKey {
        /// The folder.
        path: PathBuf,
        /// The fingerprint.
        key: Fingerprint,
    },
    /// A file of a CA folder is missing.
    #[error("{} does not exist, so this CA cannot issue", .0.display())]
    #[diagnostic(help("{}", restore(folder_of(.0))))]
    Missing(PathBuf),
    /// The file system refused an access.
    #[error("{}", files::seen(path, source))]
    #[diagnostic(help("{}", files::advice(source)))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Other users may read the key.
    #[error("{} has mode {mode:04o}, so other users may reach the CA's key", path.display())]
    #[diagnostic(help("run: chmod {expected:o} {}", quoted(path)))]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
        /// The expected permission bits.
        expected: u32,
    },
    /// The key could not be generated.
    #[error("the RSA key could not be generated: {0}")]
    Generate(String),
    /// The key file has no usable key.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("{}", source.advice(path)))]
    Key {
        /// The key file.
        path: PathBuf,
        /// The check that failed.
        source: KeyError,
    },
    /// A file has no key for a new CA.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("{}", source.advice_for_import(path)))]
    Import {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: KeyError,
    },
    /// The passphrase was not changed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Passphrase(#[from] ChangeError),
    /// The anchor file is malformed.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("{}", advice_for_anchor(path)))]
    Anchor {
        /// The anchor file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// The anchor names no issuer or no key.
    #[error("{} has only a fingerprint, and a CA's own anchor needs its name and key", .0.display())]
    #[diagnostic(help("{}", advice_for_anchor(.0)))]
    BareAnchor(PathBuf),
    /// The key is not the key of the anchor.
    #[error("{} has the key {key}, and the anchor beside it has the key {anchor}", path.display())]
    #[diagnostic(help("{}", advice_for_mismatch(path)))]
    Mismatch {
        /// The key file.
        path: PathBuf,
        /// The fingerprint of the public key.
        key: Fingerprint,
        /// The fingerprint in the anchor.
        anchor: Fingerprint,
    },
}

impl FolderError {
    /// Whether a backup helps: a file is damaged or missing, or is a file of another CA.
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

    /// Whether the key is encrypted and the given passphrase does not open it, or none is given.
    pub const fn needs_passphrase(&self) -> bool {
        use EncryptedKeyError::{Locked, WrongPassphrase};
        matches!(self, Self::Key { source: KeyError::Encrypted(Locked | WrongPassphrase), .. })
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            io::ErrorKind::AlreadyExists => Self::Exists(path.to_owned()),
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}
