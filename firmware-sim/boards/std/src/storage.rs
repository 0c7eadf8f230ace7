//! What outlives a restart: two files in a folder, or memory that does not.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use minipki_device_app::{Record, StorageError};

/// A board's storage.
#[derive(Debug, Default)]
pub enum Storage {
    /// Forgets everything when the device stops.
    #[default]
    Nowhere,
    /// Files in this folder, which is made if it is not there. Nobody but the owner may read them.
    Folder(PathBuf),
}

const fn name(record: Record) -> &'static str {
    match record {
        Record::Identity => "identity",
        Record::Time => "time",
    }
}

impl Storage {
    /// See [`Board::load`](minipki_device_app::Board::load).
    pub fn load(&self, record: Record, buffer: &mut [u8]) -> Option<usize> {
        let Self::Folder(folder) = self else { return None };
        let mut file = File::open(folder.join(name(record))).ok()?;
        let mut len = 0;
        while len < buffer.len() {
            match file.read(&mut buffer[len..]).ok()? {
                0 => return Some(len),
                n => len += n,
            }
        }
        // One byte more than fits is no record of ours.
        (file.read(&mut [0]).ok()? == 0).then_some(len)
    }

    /// See [`Board::store`](minipki_device_app::Board::store).
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn store(&self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Folder(folder) => replace(folder, name(record), bytes).map_err(|_| StorageError),
        }
    }
}

/// Writes the file beside its place, then moves it there: whole, or as before.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    let (place, beside) = (folder.join(name), folder.join(format!("{name}.new")));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, place)?;
    File::open(folder)?.sync_all()
}
