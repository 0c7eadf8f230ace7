//! `minipki ca serve`: the CA on the network.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::super::{CliError, Exit, watch};
use super::{Folder, owner};
use crate::ca::{Authority, Policy};
use crate::keys::SignerKind;
use crate::server::{ServeError, Server, ServerOptions, stop_signal};
use crate::store::SqliteLedger;

/// Serve enrolment until Ctrl-C or SIGTERM, then finish what is under way
#[derive(Args)]
#[command(
    after_help = "Example:\n  minipki ca serve --dir my-ca --listen 127.0.0.1:9000 --require-token\n\n\
The log goes to standard error. RUST_LOG=debug or RUST_LOG=warn changes how much it tells."
)]
pub(in crate::cli) struct ServeArgs {
    #[command(flatten)]
    folder: Folder,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Also serve the classic form, which proves nothing
    #[arg(long)]
    open: bool,
    /// Enrol only with a token
    #[arg(long, conflicts_with = "open")]
    require_token: bool,
    /// What signs
    #[arg(long, value_enum, default_value = "aws-lc")]
    signer: SignerArg,
    /// How the log is written
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Print every message as it passes, decoded, with the reason for each field
    #[arg(long)]
    trace: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum SignerArg {
    /// AWS-LC, the fastest
    AwsLc,
    /// The core's own arithmetic, the same that runs on a device
    Portable,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl From<SignerArg> for SignerKind {
    fn from(signer: SignerArg) -> Self {
        match signer {
            SignerArg::AwsLc => Self::Aws,
            SignerArg::Portable => Self::Portable,
        }
    }
}

pub(super) fn run(args: &ServeArgs) -> Result<(), CliError> {
    log(args.log_format);
    let folder = args.folder.open()?;
    let signer = folder.signer(args.signer.into())?;
    let ledger = SqliteLedger::open(folder.path(), &owner(&folder))?;
    let policy = Policy { open: args.open, require_token: args.require_token, ..Policy::default() };
    let authority = Authority::new(folder.issuer_id().into(), policy, signer, Box::new(ledger));
    let tap = watch(args.trace, "CA", "client");
    let options = ServerOptions { listen: args.listen, tap, ..ServerOptions::default() };

    tokio::runtime::Runtime::new()?.block_on(async {
        let stop = stop_signal()?;
        let server = Server::bind(authority, options).await?;
        let stop = async {
            stop.await;
        };
        server.run(stop).await?;
        Ok(())
    })
}

/// Sends what the rooms log to standard error.
fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(anstream::stderr);
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Listen { .. } => Self::told(Exit::Connection, error),
            other => Self::told(Exit::Failed, other),
        }
    }
}
