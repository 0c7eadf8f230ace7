//! The names of the files in the folder of an identity.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::ca_address::CA;
use super::identity::{ANCHOR, CERTIFICATE, ENROLMENT, NEXT};
use super::key_file::{KEY, NEW_KEY};
use super::renewal::PREVIOUS;
use super::renewal_lock::LOCK;
use super::status::STATUS;
use super::twin::TWIN;

pub(super) const NEW_ANCHOR: &str = "anchor.json.new";
pub(super) const NEW_CERTIFICATE: &str = "certificate.json.new";

/// Files that a killed process has not renamed yet, see [`minipki_os::files::replace`].
const PARTS: [&str; 4] = ["key.pem.part", "ca.json.part", "status.json.part", "certificate.pem.part"];

/// The other allowed names in the folder of an unfinished enrolment, or of one whose certificate is lost. Each ext file
/// system has the last one in its root.
const EXPECTED: [&str; 11] = [
    KEY,
    NEW_KEY,
    ANCHOR,
    NEW_ANCHOR,
    CERTIFICATE,
    NEW_CERTIFICATE,
    ENROLMENT,
    CA,
    STATUS,
    TWIN,
    "lost+found",
];

/// The names of earlier renewals, see [`Renewal`](super::Renewal).
const OF_RENEWALS: [&str; 3] = [NEXT, PREVIOUS, LOCK];

/// Whether `folder` is a file or a link, or has other files than those of an enrolment.
pub(super) fn holds_others(folder: &Path) -> io::Result<bool> {
    let known: Vec<_> = EXPECTED.iter().chain(&PARTS).chain(&OF_RENEWALS).map(OsStr::new).collect();
    match fs::read_dir(folder) {
        _ if folder.is_symlink() => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(true),
        entries => entries?.try_fold(false, |any, entry| Ok(any || !known.contains(&&*entry?.file_name()))),
    }
}
