//! The storage of a device's records: a file for each in the device's own folder, or no storage.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use minipki_device_app::Record;
use rustix::fs::OFlags;
use rustix::process::geteuid;

/// A board's storage.
#[derive(Debug, Default)]
pub enum Storage {
    /// No storage: all records are lost when the device stops.
    #[default]
    Nowhere,
    /// Files in a folder that only the owner can reach.
    Folder(Folder),
}

/// A folder that one device uses, until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock.
    handle: File,
}

impl Folder {
    /// Makes the folder if it does not exist, and locks it for one device. An existing folder is not changed.
    ///
    /// # Errors
    /// The reason why the folder cannot be used, with advice, for a person.
    pub fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let named = |error: io::Error| format!("--store {shown:?}: {error}");
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(named)?;
        let handle = File::open(path).map_err(named)?;
        let metadata = handle.metadata().map_err(named)?;
        if !is_private(&metadata) {
            return Err(format!(
                "others can reach the folder {shown:?} (mode {:04o}, owner {}), and a private key would be in it; \
                 name a folder that does not exist yet: --store {:?}",
                metadata.mode() & 0o7777,
                metadata.uid(),
                path.join("device").display(),
            ));
        }
        match handle.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), handle }),
            Err(TryLockError::WouldBlock) => Err(format!(
                "another device uses the folder {shown:?}; wait for its end, or name another folder"
            )),
            Err(TryLockError::Error(error)) => Err(named(error)),
        }
    }

    /// Reads a record into the start of `buffer`, which has the length of a record; `None` if there is no record.
    fn load(&self, record: Record, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut file = match open(OpenOptions::new().read(true), &self.path.join(record.name())) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut len = 0;
        while let Some(space) = buffer.get_mut(len..).filter(|space| !space.is_empty()) {
            match file.read(space)? {
                0 => return Ok(Some(len)),
                n => len += n,
            }
        }
        match file.read(&mut [0])? {
            0 => Ok(Some(len)),
            _ => Err(io::Error::other("it is longer than any record of a device")),
        }
    }

    /// Writes a record to a new file, then renames it over the old record.
    fn store(&self, record: Record, bytes: &[u8]) -> io::Result<()> {
        self.write_new(record, bytes)?;
        fs::rename(self.new_path(record), self.path.join(record.name()))?;
        self.handle.sync_all()
    }

    /// Writes the file for the next record. A reserved file is overwritten, so its blocks exist already.
    fn write_new(&self, record: Record, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file =
            open(options.write(true).create(true).truncate(false).mode(0o600), &self.new_path(record))?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    }

    fn new_path(&self, record: Record) -> PathBuf {
        self.path.join(record.name()).with_extension("new")
    }
}

impl Drop for Folder {
    /// Unlocks the folder. Closing is not enough: a child process that just starts may still have the folder open.
    fn drop(&mut self) {
        // If this fails, closing unlocks it.
        let _ = self.handle.unlock();
    }
}

/// Opens a file that only the owner can reach.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path)?;
    if is_private(&file.metadata()?) {
        Ok(file)
    } else {
        Err(io::Error::other(
            "others can reach it, so what is in it is not used; restore its owner and mode 0600",
        ))
    }
}

fn is_private(metadata: &Metadata) -> bool {
    metadata.mode() & 0o077 == 0 && metadata.uid() == geteuid().as_raw()
}

impl Storage {
    /// See [`Board::load`](minipki_device_app::Board::load).
    ///
    /// # Errors
    /// The file and its error, for a person. The other methods have the same errors.
    pub fn load(&self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, String> {
        self.with(record, |folder| folder.load(record, buffer)).map(Option::flatten)
    }

    /// See [`Board::store`](minipki_device_app::Board::store).
    ///
    /// # Errors
    /// As [`Storage::load`].
    pub fn store(&self, record: Record, bytes: &[u8]) -> Result<(), String> {
        self.with(record, |folder| folder.store(record, bytes)).map(|_| ())
    }

    /// See [`Board::reserve`](minipki_device_app::Board::reserve).
    ///
    /// # Errors
    /// As [`Storage::load`].
    pub fn reserve(&self, record: Record) -> Result<(), String> {
        self.with(record, |folder| folder.write_new(record, &vec![0; record.size()])).map(|_| ())
    }

    fn with<T>(
        &self,
        record: Record,
        act: impl FnOnce(&Folder) -> io::Result<T>,
    ) -> Result<Option<T>, String> {
        match self {
            Self::Nowhere => Ok(None),
            Self::Folder(folder) => act(folder)
                .map(Some)
                .map_err(|error| format!("{:?}: {error}", folder.path.join(record.name()).display())),
        }
    }
}
