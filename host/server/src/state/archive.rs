//! The file of a backup: a tar archive (POSIX ustar). Ordinary tools can unpack and check it:
//! `tar xf FILE && sha256sum -c SHA256SUMS`.
//!
//! | entry | content |
//! | --- | --- |
//! | `backup.json` | the version of this format, the time of the backup, and the CA |
//! | `SHA256SUMS` | SHA-256 of the entries after it, in the format of `sha256sum` |
//! | `anchor.json`, `ca-public.pem`, `ca-key.pem` | as in the CA folder |
//! | `ca-key-….pem` | the former keys that `anchor.json` names, in its order |
//! | `ledger.sqlite` | the ledger at one point in time, without a write-ahead log |

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::StateError;
use minipki_keys::{
    ANCHOR_FILE, KEY_FILE, NEXT_KEY_FILE, PUBLIC_KEY_FILE, former_key_file, is_former_key_file,
};
use minipki_os::files;

const ABOUT_FILE: &str = "backup.json";
const SUMS_FILE: &str = "SHA256SUMS";

/// The version of the format.
const VERSION: u32 = 1;

/// The files of each CA in a backup beside the ledger, with their modes.
const SMALL: [(&str, u32); 3] =
    [(ANCHOR_FILE, files::PUBLIC), (PUBLIC_KEY_FILE, files::PUBLIC), (KEY_FILE, files::SECRET)];

/// The maximum size of an entry other than the ledger, in bytes: many times the usual size.
const LIMIT: u64 = 64 * 1024;

/// The content of `backup.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// The start of the backup, in seconds since 1970.
    pub(super) created: u64,
    pub(super) fingerprint_sha256: String,
    pub(super) issuer_id: String,
    version: u32,
}

impl About {
    pub(super) fn new(created: u64, issuer_id: String, fingerprint_sha256: String) -> Self {
        Self { created, fingerprint_sha256, issuer_id, version: VERSION }
    }
}

/// A file in a backup beside the ledger.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) mode: u32,
    /// The key that it has, if it is a file of a private key.
    pub(super) key: Option<Fingerprint>,
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl Entry {
    fn new(name: impl Into<String>, mode: u32, key: Option<Fingerprint>) -> Self {
        Self { name: name.into(), mode, key, content: Zeroizing::default() }
    }

    /// The entries for the CA with this anchor, in their order, without content.
    pub(super) fn all(anchor: &Anchor) -> Vec<Self> {
        let present = |name| (name == KEY_FILE).then(|| anchor.fingerprint());
        let former = anchor.former_keys().iter().map(|key| key.fingerprint);
        let former = former.map(|key| Self::new(former_key_file(&key), files::SECRET, Some(key)));
        SMALL.into_iter().map(|(name, mode)| Self::new(name, mode, present(name))).chain(former).collect()
    }
}

/// Whether a file of this name is a file of a CA beside the ledger, or replaces or was replaced by one.
pub(super) fn is_small(name: &str) -> bool {
    let is_former = |name: &str| name.get(..FORMER_NAME).is_some_and(is_former_key_file);
    SMALL.iter().any(|(small, _)| name.starts_with(small))
        || name.starts_with(NEXT_KEY_FILE)
        || is_former(name)
}

/// The length of the name of a file of a former key.
const FORMER_NAME: usize = "ca-key-0123456789abcdef.pem".len();

/// Writes an archive to `to`, with the ledger from the open file `ledger`.
pub(super) fn write(to: &File, about: &About, entries: &[Entry], mut ledger: &File) -> io::Result<()> {
    let mut sums = String::new();
    for Entry { name, content, .. } in entries {
        sums.push_str(&line(&sum(&mut content.as_slice(), &mut io::sink())?, name));
    }
    sums.push_str(&line(&sum(&mut ledger, &mut io::sink())?, minipki_ledger::FILE));

    // Without a buffer: it would keep a copy of the key.
    let mut tar = tar::Builder::new(to);
    let mut add = |name: &str, mode: u32, size: u64, content: &mut dyn Read| {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(about.created);
        header.set_entry_type(tar::EntryType::Regular);
        tar.append_data(&mut header, name, content)
    };
    let text = serde_json::json!(about).to_string() + "\n";
    add(ABOUT_FILE, files::PUBLIC, text.len() as u64, &mut text.as_bytes())?;
    add(SUMS_FILE, files::PUBLIC, sums.len() as u64, &mut sums.as_bytes())?;
    for Entry { name, mode, content, .. } in entries {
        add(name, *mode, content.len() as u64, &mut content.as_slice())?;
    }
    ledger.rewind()?;
    let size = ledger.metadata()?.len();
    add(minipki_ledger::FILE, files::SECRET, size, &mut ledger)?;
    tar.finish()
}

/// Reads the archive `from`, writes its ledger to the new file `ledger`, and checks all checksums.
pub(super) fn read(from: &Path, ledger: &Path) -> Result<(About, Anchor, Vec<Entry>), StateError> {
    let refuse = |what: &str| StateError::no_backup(from, what);
    // The parser's message is dropped: it may quote the file, which could be a private key.
    let unreadable = |_: io::Error| refuse("it is not a tar archive, or it is damaged");
    let file = File::open(from).map_err(StateError::io(from))?;
    let length = file.metadata().map_err(StateError::io(from))?.len();
    let mut tar = tar::Archive::new(file);
    // Raw, without the extensions of the format: with them a small file could claim any size.
    let mut entries = tar.entries().map_err(unreadable)?.raw(true);
    let mut next = |expected: &str| {
        let entry = entries.next().ok_or_else(|| refuse("it ends too early"))?.map_err(unreadable)?;
        if entry.path().map_or(true, |path| path.as_os_str() != expected) {
            return Err(refuse(&format!("{expected} is missing or in the wrong place")));
        }
        if entry.header().entry_type() != tar::EntryType::Regular || entry.size() > length {
            return Err(refuse(&format!("{expected} is not a plain file of this archive")));
        }
        Ok(entry)
    };
    let mut small = |name: &str| -> Result<Zeroizing<Vec<u8>>, StateError> {
        let mut content = Zeroizing::new(Vec::with_capacity(LIMIT as usize));
        next(name)?.take(LIMIT).read_to_end(&mut content).map_err(unreadable)?;
        Ok(content)
    };
    let about = small(ABOUT_FILE)?;
    let about: About =
        serde_json::from_slice(&about).map_err(|_| refuse("backup.json has another format"))?;
    if about.version != VERSION {
        return Err(refuse(&format!("it has version {}, and this minipki reads {VERSION}", about.version)));
    }
    let sums = small(SUMS_FILE)?;
    let sums = std::str::from_utf8(&sums).map_err(|_| refuse("SHA256SUMS is not text"))?;
    let sums: BTreeMap<&str, &str> =
        sums.lines().filter_map(|line| line.split_once("  ").map(|(sum, name)| (name, sum))).collect();
    let check = |name: &str, found: &str| match sums.get(name) {
        Some(sum) if *sum == found => Ok(()),
        _ => Err(refuse(&format!("{name} does not match its SHA-256 checksum"))),
    };
    let mut checked = |name: &str| -> Result<Zeroizing<Vec<u8>>, StateError> {
        let content = small(name)?;
        check(name, &sum(&mut content.as_slice(), &mut io::sink()).map_err(unreadable)?)?;
        Ok(content)
    };
    let text = checked(ANCHOR_FILE)?;
    // It names the files of the former keys.
    let anchor = Anchor::decode(Portable::new(), &text).map_err(|e| StateError::no_backup(from, e))?;
    let mut entries = Entry::all(&anchor);
    for Entry { name, content, .. } in &mut entries {
        *content = if name == ANCHOR_FILE { text.clone() } else { checked(name)? };
    }
    let mut entry = next(minipki_ledger::FILE)?;
    let mut to = files::create_new(ledger, files::SECRET).map_err(StateError::io(ledger))?;
    let found = sum(&mut entry, &mut to).map_err(StateError::io(ledger))?;
    check(minipki_ledger::FILE, &found)?;
    to.sync_all().map_err(StateError::io(ledger))?;
    Ok((about, anchor, entries))
}

fn line(sum: &str, name: &str) -> String {
    format!("{sum}  {name}\n")
}

/// Copies `from` to `to`. Returns the SHA-256 in hexadecimal digits.
fn sum(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<String> {
    let mut digest = Context::new(&SHA256);
    let mut buffer = Zeroizing::new(vec![0; 1 << 16]);
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        let read = buffer.get(..length).unwrap_or_default();
        digest.update(read);
        to.write_all(read)?;
    }
}
