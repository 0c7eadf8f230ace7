//! `minipki ca`: the commands for the operator of a certificate authority.

mod backup;
mod certificate;
mod check;
mod crl;
mod csr;
mod import;
mod init;
mod install_chain;
mod list;
mod ocsp;
mod passphrase;
mod public_url;
mod publication_args;
mod revocations;
mod revoke;
mod rollover;
mod serve;
mod sign;
mod token;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::passphrase_args::PassphraseArgs;
use super::{CliError, Exit, duration, output};
use minipki_ca::ports::{AuditEntry, LedgerError, Storage};
use minipki_ca::{LIFETIMES, pgp_words};
use minipki_keys::{CaFolder, FolderError, KEY_FILE};
use minipki_os::clock;
use minipki_provider::HostProvider;
use minipki_server::state::{StateError, storage};

/// Run a certificate authority
#[derive(Subcommand)]
#[command(after_help = "Example:\n  minipki ca init --dir my-ca\n  minipki ca serve --dir my-ca")]
pub(super) enum Command {
    Init(init::InitArgs),
    Import(import::ImportArgs),
    Passphrase(passphrase::ChangeArgs),
    Rollover(rollover::RolloverArgs),
    Serve(serve::ServeArgs),
    List(list::ListArgs),
    Fingerprint(FingerprintArgs),
    Certificate(certificate::CertificateArgs),
    Csr(csr::CsrArgs),
    InstallChain(install_chain::InstallChainArgs),
    Sign(sign::SignArgs),
    Token(token::TokenArgs),
    Revoke(revoke::RevokeArgs),
    Unhold(revoke::UnholdArgs),
    Revocations(revocations::RevocationsArgs),
    Crl(crl::CrlArgs),
    PublicUrl(public_url::PublicUrlArgs),
    Ocsp(ocsp::OcspArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Check(check::CheckArgs),
}

/// The folder that `minipki ca init` made.
#[derive(Args)]
struct Folder {
    /// The CA's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// The folder of a CA, and the passphrase of its keys.
#[derive(Args)]
struct KeyFolder {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl KeyFolder {
    /// The file of the private key.
    fn key_file(&self) -> PathBuf {
        self.folder.dir.join(KEY_FILE)
    }

    /// Opens the folder. At a terminal, the passphrase of an encrypted key is asked for.
    fn open(&self) -> Result<CaFolder, CliError> {
        let folder = self.folder.open()?;
        Ok(folder.with_passphrase(self.passphrase.for_key(&self.key_file())?))
    }

    /// Opens the folder. Nothing is asked: without a passphrase, an encrypted key stays closed.
    fn open_quietly(&self) -> Result<CaFolder, CliError> {
        Ok(self.folder.open()?.with_passphrase(self.passphrase.given()?))
    }
}

/// Print the CA's fingerprint, which clients pin; with --json also its words and its former keys
///
/// `minipki enroll --fingerprint` takes the digits and the words. The words are for reading aloud.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  minipki ca fingerprint --dir my-ca\n  minipki ca fingerprint --dir my-ca --words"
)]
pub(super) struct FingerprintArgs {
    #[command(flatten)]
    folder: Folder,
    /// Print the 32 words of the fingerprint instead of its digits
    #[arg(long, conflicts_with = "json")]
    words: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command, provider: HostProvider) -> Result<(), CliError> {
    match command {
        Command::Init(args) => init::run(args),
        Command::Import(args) => import::run(args),
        Command::Passphrase(args) => passphrase::run(&args),
        Command::Rollover(args) => rollover::run(&args),
        Command::Serve(args) => serve::run(args, provider),
        Command::List(args) => list::run(&args),
        Command::Fingerprint(args) => fingerprint(&args),
        Command::Certificate(args) => certificate::run(args),
        Command::Csr(args) => csr::run(args),
        Command::InstallChain(args) => install_chain::run(args),
        Command::Sign(args) => sign::run(args),
        Command::Token(args) => token::run(&args),
        Command::Revoke(args) => revoke::revoke(&args),
        Command::Unhold(args) => revoke::unhold(&args),
        Command::Revocations(args) => revocations::run(&args),
        Command::Crl(args) => crl::run(&args),
        Command::PublicUrl(args) => public_url::run(&args),
        Command::Ocsp(args) => ocsp::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Check(args) => check::run(&args),
    }
}

fn fingerprint(args: &FingerprintArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let fingerprint = folder.fingerprint();
    let words = pgp_words::words(&fingerprint.0).join(" ");
    if args.words {
        output::data(|out| writeln!(out, "{words}"))
    } else if args.json {
        output::json(&json!({
            "fingerprint_sha256": fingerprint.to_string(),
            "fingerprint_words": words,
            "former_keys": folder.anchor().former_keys(),
            "issuer_id": folder.issuer_id().as_str(),
        }))
    } else {
        output::data(|out| writeln!(out, "{fingerprint}"))
    }
}

/// Parses the lifetime of a certificate.
fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration(text)?;
    if LIFETIMES.contains(&lifetime.as_secs()) {
        return Ok(lifetime);
    }
    Err("a certificate can live from 60s to 3653d".to_owned())
}

/// The operator, as an actor in the ledger.
fn operator() -> String {
    format!("the command line of user {}", minipki_os::user_id())
}

/// Writes an act of the operator into the audit log. The act is done already, so a failure is only reported.
fn acted(folder: &CaFolder, action: &str, details: &str) {
    let written = clock::now().map_err(CliError::from).and_then(|now| {
        let entry = AuditEntry::new(now, operator(), action, details);
        Ok(storage(folder).audit()?.append(&entry)?)
    });
    if let Err(error) = written {
        output::say(error.with("this act is done, and is not in the audit log"));
    }
}

impl Folder {
    fn open(&self) -> Result<CaFolder, CliError> {
        Ok(CaFolder::open(&self.dir)?)
    }
}

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        Self::from_diagnostic(Exit::Failed, error)
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        let exit = if matches!(error, StateError::Refused(_)) { Exit::Refused } else { Exit::Failed };
        Self::from_diagnostic(exit, error)
    }
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        Self::from_diagnostic(Exit::Failed, error)
    }
}
