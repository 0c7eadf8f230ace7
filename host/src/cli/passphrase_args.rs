//! The options that give a passphrase, and the choice of its source.

use std::path::{Path, PathBuf};

use minipki_os::files::{self, Others};
use minipki_passphrase::{Passphrase, PassphraseError, is_encrypted};

use super::{CliError, Exit, advice, output, prompt};
use minipki_client::{Identity, IdentityError};
use minipki_provider::HostProvider;

/// The passphrase of a private key. It is never an argument, since other users of the machine can see arguments.
#[derive(clap::Args)]
pub(super) struct PassphraseArgs {
    /// The file with the passphrase of an encrypted private key; one newline at its end is removed
    ///
    /// Without this option the passphrase comes from --passphrase-fd, from the systemd credential minipki-passphrase, or
    /// from a prompt at the terminal.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this open descriptor, to its end
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

impl PassphraseArgs {
    /// The passphrase of the options.
    fn explicit(&self) -> Result<Option<Passphrase>, PassphraseError> {
        match (&self.passphrase_file, self.passphrase_fd) {
            (Some(file), _) => Passphrase::from_file(file).map(Some),
            (None, Some(number)) => Passphrase::from_descriptor(number).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The passphrase of the options or of systemd.
    pub(super) fn given(&self) -> Result<Option<Passphrase>, CliError> {
        match self.explicit()? {
            Some(passphrase) => Ok(Some(passphrase)),
            None => Ok(Passphrase::from_credential()?),
        }
    }

    /// The passphrase of the key in the file `path`; `None` if the key is not encrypted or cannot be read, or if there
    /// is no source of a passphrase. The caller reads the key and reports this.
    pub(super) fn for_key(&self, path: &Path) -> Result<Option<Passphrase>, CliError> {
        if !files::read(path, Others::Nothing).is_ok_and(|text| is_encrypted(&text)) {
            return Ok(None);
        }
        match self.given()? {
            None if prompt::has_terminal() => {
                prompt::ask(&format!("Passphrase of {}: ", path.display())).map(Some)
            }
            given => Ok(given),
        }
    }

    /// The passphrase for a new key; `None` for a key without encryption.
    pub(super) fn for_new(&self, encrypt: bool) -> Result<Option<Passphrase>, CliError> {
        if let Some(passphrase) = self.explicit()? {
            return Ok(Some(passphrase));
        }
        if !encrypt {
            return Ok(None);
        }
        match Passphrase::from_credential()? {
            Some(passphrase) => Ok(Some(passphrase)),
            None => new("--passphrase-file FILE, --passphrase-fd N or the systemd credential").map(Some),
        }
    }

    /// Says that the key in the file `path` was there before, without encryption, although a passphrase is given.
    pub(super) fn warn_if_plain(&self, path: &Path, command: &str) {
        let given = self.passphrase_file.is_some() || self.passphrase_fd.is_some();
        if given && files::read(path, Others::Nothing).is_ok_and(|text| !is_encrypted(&text)) {
            output::say(format_args!(
                "{} is not encrypted: it was made earlier, without a passphrase. To encrypt it:\n  {command}",
                path.display()
            ));
        }
    }
}

/// The new passphrase of a key that exists.
#[derive(clap::Args)]
pub(super) struct NewPassphraseArgs {
    /// The file with the new passphrase; without it, the new passphrase is read at the terminal
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    new_passphrase_file: Option<PathBuf>,
    /// Store the key without encryption
    #[arg(long)]
    remove: bool,
}

impl NewPassphraseArgs {
    /// The new passphrase; `None` if it is to be removed.
    pub(super) fn passphrase(&self) -> Result<Option<Passphrase>, CliError> {
        match &self.new_passphrase_file {
            _ if self.remove => Ok(None),
            Some(file) => Ok(Some(Passphrase::from_file(file)?)),
            None => new("--new-passphrase-file FILE").map(Some),
        }
    }
}

/// Asks for a new passphrase. `options` are the other sources.
fn new(options: &str) -> Result<Passphrase, CliError> {
    if !prompt::has_terminal() {
        let next = format!("give it with {options}, or run this at a terminal");
        return Err(CliError::new(
            Exit::Usage,
            "there is no new passphrase, and no terminal to read it",
            next,
        ));
    }
    prompt::ask_new("New passphrase: ")
}

/// An identity, and the passphrase of its key.
#[derive(clap::Args)]
pub(super) struct IdentityArgs {
    /// The folder that `minipki enroll` made
    #[arg(long = "identity", value_name = "DIR")]
    pub(super) folder: PathBuf,
    #[command(flatten)]
    pub(super) passphrase: PassphraseArgs,
}

impl IdentityArgs {
    /// Reads the identity.
    pub(super) fn open(&self, provider: HostProvider) -> Result<Identity, CliError> {
        Ok(self.open_with_passphrase(provider)?.0)
    }

    /// Reads the identity. Returns the passphrase of its key too, to read a renewed key later.
    pub(super) fn open_with_passphrase(
        &self,
        provider: HostProvider,
    ) -> Result<(Identity, Option<Passphrase>), CliError> {
        let passphrase = self.passphrase.for_key(&self.key_file())?;
        let loaded = Identity::load_with(provider, &self.folder, passphrase.as_ref());
        let identity = loaded.map_err(|error| match error {
            IdentityError::OutOfTime(error) => advice::out_of_time(error, &self.folder),
            error => error.into(),
        })?;
        Ok((identity, passphrase))
    }

    /// Reads the identity, also if its certificate is not valid now.
    pub(super) fn open_at_any_time(&self, provider: HostProvider) -> Result<Identity, CliError> {
        let passphrase = self.passphrase.for_key(&self.key_file())?;
        Ok(Identity::load_genuine(provider, &self.folder, passphrase.as_ref())?)
    }

    /// The file of the private key.
    pub(super) fn key_file(&self) -> PathBuf {
        self.folder.join(minipki_client::KEY_FILE)
    }
}

impl From<PassphraseError> for CliError {
    fn from(error: PassphraseError) -> Self {
        Self::from_diagnostic(Exit::Failed, error)
    }
}
