//! `minipki ca`: the commands for the operator of a certificate authority.

mod backup;
mod check;
mod init;
mod list;
mod serve;
mod token;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, Exit, output};
use minipki_ca::ports::LedgerError;
use minipki_keys::{CaFolder, FolderError};
use minipki_provider::HostProvider;
use minipki_server::state::StateError;

/// Run a certificate authority
#[derive(Subcommand)]
#[command(after_help = "Example:\n  minipki ca init --dir my-ca\n  minipki ca serve --dir my-ca")]
pub(super) enum Command {
    Init(init::InitArgs),
    Serve(serve::ServeArgs),
    List(list::ListArgs),
    Fingerprint(FingerprintArgs),
    Token(token::TokenArgs),
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

/// Print the CA's fingerprint, which clients pin
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca fingerprint --dir my-ca")]
pub(super) struct FingerprintArgs {
    #[command(flatten)]
    folder: Folder,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command, provider: HostProvider) -> Result<(), CliError> {
    match command {
        Command::Init(args) => init::run(args),
        Command::Serve(args) => serve::run(args, provider),
        Command::List(args) => list::run(&args),
        Command::Fingerprint(args) => fingerprint(&args),
        Command::Token(args) => token::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Check(args) => check::run(&args),
    }
}

fn fingerprint(args: &FingerprintArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let fingerprint = folder.fingerprint();
    if args.json {
        let issuer_id = folder.issuer_id().as_str();
        output::json(&json!({ "fingerprint_sha256": fingerprint.to_string(), "issuer_id": issuer_id }))
    } else {
        output::data(|out| writeln!(out, "{fingerprint}"))
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
        Self::from_diagnostic(Exit::Failed, error)
    }
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        Self::from_diagnostic(Exit::Failed, error)
    }
}
