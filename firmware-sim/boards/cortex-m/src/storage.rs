//! What outlives a restart: a file of the host for each record, replaced as a whole.

use core::ffi::CStr;

use heapless::String;
use minipki_device_app::{Record, StorageError};

use crate::semihosting::{self, File, Mode};

/// Longest path, with its end.
const PATH: usize = 256;

/// A folder of the host.
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    folder: &'static str,
}

impl Storage {
    /// Keeps the records in `folder`, which is there already.
    pub const fn new(folder: &'static str) -> Self {
        Self { folder }
    }

    /// Reads a record into the start of `buffer`; none if there is none, or a longer one.
    pub fn load(&self, record: Record, buffer: &mut [u8]) -> Option<usize> {
        let path = path(self.folder, name(record), "")?;
        let mut file = File::open(c_str(&path)?, Mode::Read)?;
        let mut length = 0;
        loop {
            let space = buffer.get_mut(length..)?;
            if space.is_empty() {
                return (file.read(&mut [0]) == 0).then_some(length);
            }
            match file.read(space) {
                0 => return Some(length),
                n => length += n,
            }
        }
    }

    /// Writes a record beside the old one, then puts it in its place.
    ///
    /// # Errors
    /// [`StorageError`]; the old one is untouched then.
    pub fn store(&self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        self.replace(record, bytes).filter(|done| *done).map(|_| ()).ok_or(StorageError)
    }

    fn replace(&self, record: Record, bytes: &[u8]) -> Option<bool> {
        let new = path(self.folder, name(record), ".new")?;
        let kept = path(self.folder, name(record), "")?;
        let written = File::open(c_str(&new)?, Mode::Write)?.write_all(bytes);
        Some(written && semihosting::rename(c_str(&new)?, c_str(&kept)?))
    }
}

const fn name(record: Record) -> &'static str {
    match record {
        Record::Identity => "identity",
        Record::Time => "time",
    }
}

/// `folder/name` and an ending, with the zero that ends it.
fn path(folder: &str, name: &str, ending: &str) -> Option<String<PATH>> {
    let mut path = String::new();
    for part in [folder, "/", name, ending, "\0"] {
        path.push_str(part).ok()?;
    }
    Some(path)
}

fn c_str(path: &str) -> Option<&CStr> {
    CStr::from_bytes_with_nul(path.as_bytes()).ok()
}
