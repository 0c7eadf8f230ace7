//! `minipki ca serve`: the CA on the network.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::super::console::{SiteArgs, invite};
use super::super::log::{self, LogFormat};
use super::super::{CliError, Exit, until_stopped, watch};
use super::Folder;
use super::accept::AcceptArgs;
use super::limits::LimitArgs;
use minipki_ca::Enrolment;
use minipki_console::{Console, ConsoleOptions};
use minipki_keys::SignerKind;
use minipki_provider::HostProvider;
use minipki_server::{CaOptions, CaService, ServeError};

/// Serve enrolment until Ctrl-C or SIGTERM, then finish what is under way
#[derive(Args)]
#[command(
    after_help = "Example:\n  minipki ca serve --dir my-ca --listen 127.0.0.1:9000 --require-token\n\n\
The log goes to standard error. RUST_LOG=debug or RUST_LOG=warn changes how much it tells.\n\
Lines that nobody reads in time are dropped and counted; they never delay the CA."
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
    #[arg(long, value_enum, default_value = "auto")]
    signer: SignerArg,
    /// Also serve the console, here; 127.0.0.1:9080 if no address is given
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:9080")]
    console: Option<SocketAddr>,
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    accept: AcceptArgs,
    /// How the log is written
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Print every message as it passes, decoded, with the reason for each field
    #[arg(long)]
    trace: bool,
    // Last, since its heading is that of all that follow.
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum SignerArg {
    /// The fastest that this CPU can: batch with AVX-512 IFMA, aws-lc without
    Auto,
    /// Eight at a time on AVX-512 IFMA, and AWS-LC for what fills no batch
    Batch,
    /// AWS-LC, one at a time
    AwsLc,
    /// The core's own arithmetic, the same that runs on a device
    Portable,
}

impl From<SignerArg> for SignerKind {
    fn from(signer: SignerArg) -> Self {
        match signer {
            SignerArg::Auto => Self::Auto,
            SignerArg::Batch => Self::Batch,
            SignerArg::AwsLc => Self::Aws,
            SignerArg::Portable => Self::Portable,
        }
    }
}

pub(super) fn run(args: ServeArgs, provider: HostProvider) -> Result<(), CliError> {
    log::begin(args.log_format)?;
    let enrolment = match (args.open, args.require_token) {
        (true, _) => Enrolment::Open,
        (false, true) => Enrolment::Token,
        (false, false) => Enrolment::Proven,
    };
    let policy = args.limits.policy(enrolment);
    let tap = watch(args.trace, "CA", "client");
    let ca = CaOptions {
        listen: args.listen,
        policy,
        signer: args.signer.into(),
        limits: args.limits.limits(),
        accept: args.accept.into(),
        tap,
    };
    let folder = args.folder.open()?;
    let service = Arc::new(CaService::open(provider, folder.path())?);
    match args.console {
        Some(listen) => with_console(service, ca, args.site.options(listen)),
        None => until_stopped(async |stop| {
            service.serve(ca, stop).await?;
            Ok(())
        }),
    }
}

/// The server and the console in one process. A server that fails ends both, as it would alone; one
/// that is stopped from the console waits there to be started again.
fn with_console(service: Arc<CaService>, ca: CaOptions, options: ConsoleOptions) -> Result<(), CliError> {
    until_stopped(async |stop| {
        let console = Console::bind(options, service.clone()).await?;
        service.start(ca).await?;
        invite(&console)?;
        let mut failed = None;
        let end = async {
            tokio::select! {
                () = stop => {}
                reason = service.failed() => failed = Some(reason),
            }
        };
        console.run(end).await;
        // That it does not run is what is wanted.
        let _ = service.stop().await;
        failed.map_or(Ok(()), |reason| Err(CliError::told(Exit::Failed, reason)))
    })
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Listen { .. } => Self::told(Exit::Connection, error),
            other => Self::told(Exit::Failed, other),
        }
    }
}
