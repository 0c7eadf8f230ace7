//! The storage of the records: a file of the host for each record, replaced as a whole.

use core::ffi::CStr;

use heapless::String;
use minipki_device_app::{Record, StorageError};

use crate::semihosting::{self, File, Mode};

/// The longest path, with the zero at its end.
const PATH: usize = 256;

/// A folder of the host.
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    folder: &'static str,
}

impl Storage {
    /// Keeps the records in `folder`, which must exist.
    pub const fn new(folder: &'static str) -> Self {
        Self { folder }
    }

    /// Reads a record into the start of `buffer`, which has the length of a record.
    ///
    /// # Errors
    /// [`StorageError`] if the file is longer.
    pub fn load(&self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError> {
        let path = self.path(record, "")?;
        // A file that cannot be opened counts as missing: QEMU 7 does not distinguish the two.
        let Some(mut file) = File::open(c_str(&path)?, Mode::Read) else { return Ok(None) };
        // One call reads a whole file of the host.
        let length = file.read(buffer);
        if file.read(&mut [0]) == 0 { Ok(Some(length)) } else { Err(StorageError) }
    }

    /// Writes a record to a new file, then renames it over the old record.
    ///
    /// # Errors
    /// [`StorageError`]; then the old record is unchanged.
    pub fn store(&self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        let (new, kept) = (self.path(record, ".new")?, self.path(record, "")?);
        let (new, kept) = (c_str(&new)?, c_str(&kept)?);
        // The reserved file is overwritten, so the room exists.
        let mut file =
            File::open(new, Mode::Update).or_else(|| File::open(new, Mode::Write)).ok_or(StorageError)?;
        let written = file.write_all(bytes);
        drop(file);
        if written && semihosting::rename(new, kept) { Ok(()) } else { Err(StorageError) }
    }

    /// Writes a file of a record's size, which the next record overwrites.
    ///
    /// # Errors
    /// [`StorageError`] if there is no room.
    pub fn reserve(&self, record: Record) -> Result<(), StorageError> {
        const ZEROS: [u8; 16] = [0; 16];
        let new = self.path(record, ".new")?;
        let mut file = File::open(c_str(&new)?, Mode::Write).ok_or(StorageError)?;
        // The size of each record is a multiple of 16.
        let written = (0..record.size() / ZEROS.len()).all(|_| file.write_all(&ZEROS));
        if written { Ok(()) } else { Err(StorageError) }
    }

    /// The path of the record's file with an ending, and a zero after it.
    fn path(&self, record: Record, ending: &str) -> Result<String<PATH>, StorageError> {
        let mut path = String::new();
        for part in [self.folder, "/", record.name(), ending, "\0"] {
            path.push_str(part).map_err(|_| StorageError)?;
        }
        Ok(path)
    }
}

fn c_str(path: &str) -> Result<&CStr, StorageError> {
    CStr::from_bytes_with_nul(path.as_bytes()).map_err(|_| StorageError)
}
