//! The kind of a file that the user names, for the error about a file of another kind. Nothing of the content is shown.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use minipki_net::trace::explain;
use minipki_os::files::{self, quoted};
use minipki_os::text::undecorated;
use minipki_passphrase::KeyKind;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::identity::{ANCHOR, CERTIFICATE};
use crate::status::STATUS;

/// The first bytes of the formats of other programs.
const STARTS: [(&[u8], &str); 8] = [
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"\xd4\xc3\xb2\xa1", "a capture for Wireshark"),
];

/// The number of bytes that are read of a file to see its kind. All files of MiniPKI but lists, ledgers and backups are
/// shorter.
const START: u64 = 64 * 1024;

/// The first bytes of a database of SQLite.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The place of the mark of a tar archive (POSIX.1, ustar), and the mark.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A certificate of MiniPKI.
    Certificate,
    /// The statement of a CA about a certificate.
    Status,
    /// A list of revoked certificates.
    List,
    /// The anchor of a CA.
    Anchor,
    /// A key, or a certificate in X.509.
    Key(KeyKind),
    /// The ledger of a CA, or another database of SQLite.
    Ledger,
    /// A tar archive, as the backup of a CA.
    Archive,
    /// Another kind, with its description.
    Other(&'static str),
    /// Text that begins like JSON or a key in PEM and is none: a file that was cut or changed, or another file.
    Damaged,
}

impl FileKind {
    /// The kind of `content`. Its start is enough for the formats of other programs.
    pub fn of(content: &[u8]) -> Self {
        if content.trim_ascii_start().starts_with(b"{") {
            return serde_json::from_slice(content).map_or(Self::Damaged, |object| Self::of_json(&object));
        }
        if let Some(kind) = KeyKind::of(content) {
            return Self::Key(kind);
        }
        if let Some((_, name)) = STARTS.iter().find(|(start, _)| content.starts_with(start)) {
            return Self::Other(name);
        }
        if content.starts_with(b"-----BEGIN ") {
            let label = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let is_key = label.trim_ascii_end().ends_with(b" KEY-----");
            return if is_key { Self::Damaged } else { Self::Other("PEM of another kind") };
        }
        if content.starts_with(SQLITE) {
            return Self::Ledger;
        }
        if content.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1)) {
            return Self::Archive;
        }
        Self::Other(match std::str::from_utf8(content) {
            Ok(text) if text.trim().is_empty() => "no content",
            Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => "plain text",
            _ => "binary data",
        })
    }

    /// The kind of the file `path`, of which a part is read; `None` if it cannot be read, or is no regular file.
    pub fn of_file(path: &Path) -> Option<Self> {
        // Opening a pipe would wait, and reading it would take its content away.
        let file = path.is_file().then(|| File::open(path).ok())??;
        let mut start = Zeroizing::new(Vec::with_capacity(START as usize));
        file.take(START).read_to_end(&mut start).ok()?;
        Some(Self::of(&undecorated(start)))
    }

    fn of_json(object: &Map<String, Value>) -> Self {
        match explain::explanation(object).map(|known| known.name) {
            Some("certificate") => Self::Certificate,
            Some("certificate_status") => Self::Status,
            Some("revocation_list") => Self::List,
            Some("anchor") => Self::Anchor,
            Some("CA address") => Self::Other("the address of a CA"),
            Some(_) => Self::Other("a message of the protocol"),
            None => Self::Other("JSON of another kind"),
        }
    }
}

impl fmt::Display for FileKind {
    /// Writes for example `a certificate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "a certificate",
            Self::Status => "a status",
            Self::List => "a list of revoked certificates",
            Self::Anchor => "an anchor",
            Self::Key(kind) => return kind.fmt(f),
            Self::Ledger => "the ledger of a CA, or another SQLite database",
            Self::Archive => "a tar archive, perhaps the backup of a CA",
            Self::Other(name) => name,
            Self::Damaged => "damaged JSON or PEM",
        })
    }
}

/// The kind of file that a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedFile {
    /// A certificate of MiniPKI.
    Certificate,
    /// The statement of a CA about a certificate.
    Status,
    /// A list of revoked certificates.
    List,
    /// The anchor of a CA.
    Anchor,
    /// The backup of a CA.
    Backup,
    /// A private key. Which keys can be used is not checked here.
    PrivateKey,
}

impl ExpectedFile {
    /// Whether the file can be of this kind. A damaged file can: its own check has the better error.
    fn admits(self, found: FileKind) -> bool {
        match self {
            _ if found == FileKind::Damaged => true,
            Self::Certificate => found == FileKind::Certificate,
            Self::Status => found == FileKind::Status,
            Self::List => found == FileKind::List,
            Self::Anchor => found == FileKind::Anchor,
            Self::Backup => found == FileKind::Archive,
            Self::PrivateKey => matches!(found, FileKind::Key(_)),
        }
    }

    /// The usual name of such a file, if it has one, and its origin.
    const fn origin(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Certificate => {
                (Some(CERTIFICATE), "give certificate.json from the folder that `minipki enroll` made")
            }
            Self::Status => (
                Some(STATUS),
                "give status.json, which `minipki status --identity DIR` writes into that folder",
            ),
            Self::List => (None, "give the file that `minipki ca revocations --dir DIR --out FILE` writes"),
            Self::Anchor => (Some(ANCHOR), "give anchor.json from the CA's folder, or ca-public.pem"),
            Self::Backup => (None, "give the file that `minipki ca backup --dir DIR --to FILE` wrote"),
            Self::PrivateKey => (None, "give the file with the private key, as `openssl genpkey` writes it"),
        }
    }
}

impl fmt::Display for ExpectedFile {
    /// Writes for example `a certificate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "a certificate",
            Self::Status => "a status",
            Self::List => "a list of revoked certificates",
            Self::Anchor => "an anchor",
            Self::Backup => "the backup of a CA",
            Self::PrivateKey => "a private key",
        })
    }
}

/// The error about a file of another kind.
#[derive(Clone, Debug, thiserror::Error, miette::Diagnostic)]
#[error("{} has {found}, and {expected} is expected", name(path))]
#[diagnostic(help("{}", self.next()))]
pub struct OtherKind {
    path: PathBuf,
    found: FileKind,
    expected: ExpectedFile,
}

impl OtherKind {
    /// Checks that a file of the kind `found` can be the `expected` one. A damaged file passes.
    ///
    /// # Errors
    /// [`OtherKind`].
    pub fn check(path: &Path, found: FileKind, expected: ExpectedFile) -> Result<(), Self> {
        if expected.admits(found) { Ok(()) } else { Err(Self { path: path.to_owned(), found, expected }) }
    }

    /// The next step: the right file beside this one, or the origin of such a file.
    fn next(&self) -> String {
        let (usual, origin) = self.expected.origin();
        let beside = usual.map(|usual| files::folder_of(&self.path).join(usual)).filter(|beside| {
            beside.is_file() && beside.file_name() != self.path.file_name() && !is_standard_input(&self.path)
        });
        match beside {
            Some(beside) => {
                let short = beside.strip_prefix(".").unwrap_or(&beside);
                format!("give the file beside it: {}", quoted(short))
            }
            None => origin.to_owned(),
        }
    }
}

/// The file `name` in the folder `path` of an identity or a CA; `path` itself if it is no folder with such a file.
pub fn in_folder(path: &Path, name: &str) -> PathBuf {
    let inside = path.join(name);
    if path.is_dir() && inside.is_file() { inside } else { path.to_owned() }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

fn name(path: &Path) -> impl fmt::Display {
    if is_standard_input(path) { Path::new("standard input") } else { path }.display()
}
