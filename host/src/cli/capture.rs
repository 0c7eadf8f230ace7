//! `--pcap`: the frames of each connection in a file for Wireshark.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::values::new_file;
use super::{CliError, output};
use minipki_net::trace::{CAPTURE_HEADER, Capture, TapSource};

/// The option for a capture.
#[derive(clap::Args)]
pub(super) struct CaptureArgs {
    /// Write the frames of each connection into this new file, for Wireshark; encrypted ones stay encrypted
    ///
    /// Only a capture without frames, of an earlier try, is overwritten.
    #[arg(long, value_name = "FILE", value_parser = new_file())]
    pcap: Option<PathBuf>,
}

impl CaptureArgs {
    /// Begins the capture, if the option is given. An existing file with a frame is not overwritten.
    pub(super) fn begin(&self) -> Result<Option<Arc<dyn TapSource>>, CliError> {
        let Some(path) = &self.pcap else { return Ok(None) };
        let name = path.display().to_string();
        let failed =
            move |error| output::say(format_args!("the capture ends: {name} cannot be written: {error}"));
        let begun = create(path).and_then(|file| Capture::new(file, Box::new(failed)));
        let capture = begun.map_err(|error| CliError::file(path, &error))?;
        Ok(Some(Arc::new(capture)))
    }
}

/// Makes the file `path`, or takes one with a capture that has no frame and that no process writes.
fn create(path: &Path) -> io::Result<File> {
    let file = match File::create_new(path) {
        Err(exists) if exists.kind() == ErrorKind::AlreadyExists => without_frame(path).ok_or(exists)?,
        made => made?,
    };
    // Until the file is closed, no other process takes it. A file system without locks does not end the capture.
    let _ = file.try_lock();
    Ok(file)
}

/// The empty file for a capture in place of one without frames.
fn without_frame(path: &Path) -> Option<File> {
    // Anything but a file could block.
    if !path.metadata().is_ok_and(|found| found.is_file() && found.len() <= CAPTURE_HEADER.len() as u64) {
        return None;
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    file.try_lock().ok()?;
    let mut content = Vec::new();
    (&mut file).take(CAPTURE_HEADER.len() as u64 + 1).read_to_end(&mut content).ok()?;
    if !CAPTURE_HEADER.starts_with(&content) {
        return None;
    }
    file.set_len(0).and_then(|()| file.rewind()).ok()?;
    Some(file)
}
