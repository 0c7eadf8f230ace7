//! `--pcap`: the frames of each connection in a file for Wireshark.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::{CliError, output};
use minipki_net::trace::{Capture, TapSource};

/// The option for a capture.
#[derive(clap::Args)]
pub(super) struct CaptureArgs {
    /// Write the frames of each connection into this new file, for Wireshark; encrypted ones stay encrypted
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

impl CaptureArgs {
    /// Begins the capture, if the option is given. An existing file is not overwritten.
    pub(super) fn begin(&self) -> Result<Option<Arc<dyn TapSource>>, CliError> {
        let Some(path) = &self.pcap else { return Ok(None) };
        let name = path.display().to_string();
        let failed =
            move |error| output::say(format_args!("the capture ends: {name} cannot be written: {error}"));
        let begun = File::create_new(path).and_then(|file| Capture::new(file, Box::new(failed)));
        let capture = begun.map_err(|error| CliError::file(path, &error))?;
        Ok(Some(Arc::new(capture)))
    }
}
