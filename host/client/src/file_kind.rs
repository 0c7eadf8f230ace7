//! The kind of a file that the user names, for the error about a file of another kind. Nothing of the content is shown.

use std::fmt;
use std::path::{Path, PathBuf};

use minipki_net::trace::explain;
use minipki_os::files::{self, quoted};
use minipki_passphrase::KeyKind;
use serde_json::{Map, Value};

use crate::identity::{ANCHOR, CERTIFICATE};
use crate::status::STATUS;

/// The first bytes of the formats of other programs.
const STARTS: [(&[u8], &str); 9] = [
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"\xd4\xc3\xb2\xa1", "a capture for Wireshark"),
    (b"-----BEGIN ", "PEM of another kind"),
];

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
    /// Text that begins like JSON and is none: a file of MiniPKI that was cut or changed, or another file.
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

    /// Whether a check of the content of a file of the `wanted` kind has a better error.
    fn may_be(self, wanted: Self) -> bool {
        self == wanted || self == Self::Damaged
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
            Self::Damaged => "damaged JSON",
        })
    }
}

/// The error about a file of another kind.
#[derive(Clone, Debug, thiserror::Error, miette::Diagnostic)]
#[error("{} has {found}, and {wanted} is expected", name(path))]
#[diagnostic(help("{}", self.next()))]
pub struct OtherKind {
    path: PathBuf,
    found: FileKind,
    wanted: FileKind,
}

impl OtherKind {
    /// Checks that `content`, of the file `path`, is of the `wanted` kind. A damaged file passes.
    ///
    /// # Errors
    /// [`OtherKind`].
    pub fn check(path: &Path, content: &[u8], wanted: FileKind) -> Result<(), Self> {
        let found = FileKind::of(content);
        if found.may_be(wanted) { Ok(()) } else { Err(Self { path: path.to_owned(), found, wanted }) }
    }

    /// The next step: the right file beside this one, or the command that writes such a file.
    fn next(&self) -> String {
        let (usual, origin) = match self.wanted {
            FileKind::Certificate => {
                (CERTIFICATE, "give certificate.json from the folder that `minipki enroll` made")
            }
            FileKind::Status => {
                (STATUS, "give status.json, which `minipki status --identity DIR` writes into that folder")
            }
            FileKind::Anchor => (ANCHOR, "give anchor.json from the CA's folder, or ca-public.pem"),
            _ => ("", "give the file that `minipki ca revocations --dir DIR --out FILE` writes"),
        };
        let beside = files::folder_of(&self.path).join(usual);
        let named = self.path.file_name().is_some_and(|name| name == usual);
        if usual.is_empty() || named || is_standard_input(&self.path) || !beside.is_file() {
            return origin.to_owned();
        }
        let beside = beside.strip_prefix(".").map_or_else(|_| beside.clone(), Path::to_owned);
        format!("give the file beside it: {}", quoted(&beside))
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
