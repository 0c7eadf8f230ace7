//! `minipki ca serve`: serves the CA on the network.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::super::console::{SiteArgs, print_links};
use super::super::stderr::{self, LogFormat};
use super::super::values::{duration, duration_or_zero, local};
use super::super::{CliError, Exit, log_memory, trace_tap, until_stopped};
use super::ocsp::ocsp_lifetime;
use super::{KeyFolder, lifetime};
use minipki_ca::{Enrolment, Policy, RateLimits};
use minipki_console::{Console, ConsoleOptions};
use minipki_keys::SignerKind;
use minipki_ledger::Accept;
use minipki_provider::HostProvider;
use minipki_repository::{Repository, RepositoryError};
use minipki_server::{CaOptions, CaService, Limits, ServeError};

const MIB: u64 = 1024 * 1024;

/// Serve enrolment, renewal, revocation and status until Ctrl-C or SIGTERM, then finish the open requests
#[derive(Args)]
#[command(
    after_help = "Example:\n  minipki ca serve --dir my-ca --listen 127.0.0.1:9000 --require-token\n\n\
The log goes to standard error. RUST_LOG=debug or RUST_LOG=warn changes its level.\n\
If the reader is too slow, lines are dropped and counted. The log never delays the CA."
)]
pub(in crate::cli) struct ServeArgs {
    #[command(flatten)]
    folder: KeyFolder,
    /// The address to listen on, *:PORT for all IPv4 addresses; port 0 chooses a free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000", value_parser = local::<9000>)]
    listen: SocketAddr,
    /// Allow the classic form too, which proves nothing
    #[arg(long)]
    open: bool,
    /// Enrol only with a token
    #[arg(long, conflicts_with = "open")]
    require_token: bool,
    #[command(flatten)]
    certificates: CertificateArgs,
    /// The implementation that signs
    #[arg(long, value_enum, default_value = "auto")]
    signer: SignerArg,
    /// Serve the console too, on this address; 127.0.0.1:9080 if no address is given
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:9080",
        value_parser = local::<9080>)]
    console: Option<SocketAddr>,
    #[command(flatten)]
    site: SiteArgs,
    /// Serve the repository too, over plain HTTP: certificates of the CA and lists of revoked certificates, for everybody;
    /// on 127.0.0.1:9081 if no address is given
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:9081",
        value_parser = local::<9081>)]
    http: Option<SocketAddr>,
    #[command(flatten)]
    accept: AcceptArgs,
    /// The format of the log
    #[arg(long, value_enum, default_value = "text")]
    pub(in crate::cli) log_format: LogFormat,
    /// Print each message, decoded, with the purpose of each field
    #[arg(long)]
    trace: bool,
    // The last field: its heading applies to all following options.
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum SignerArg {
    /// The fastest signer for this CPU: batch with AVX-512 IFMA, otherwise aws-lc
    Auto,
    /// Eight signatures at a time on AVX-512 IFMA, and AWS-LC for an incomplete batch
    Batch,
    /// AWS-LC, one signature at a time
    AwsLc,
    /// The core's own arithmetic, which also runs on devices
    Portable,
}

/// The lifetimes of certificates and statuses.
#[derive(Args)]
struct CertificateArgs {
    /// The lifetime of a certificate, from 60s to 3653d; a token can set another one
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = lifetime)]
    validity: Duration,
    /// The time after its end in which a certificate can be renewed; 0s: none
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration_or_zero)]
    renewal_grace: Duration,
    /// Revoke a certificate when it is renewed; without this option it stays valid until its end
    #[arg(long)]
    revoke_superseded: bool,
    /// The time for which a revocation status can be used
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = duration)]
    status_lifetime: Duration,
    /// The time for which a list of the repository can be used; a new one is made at each change, and at least every day
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = list_lifetime)]
    list_lifetime: Duration,
    /// The time for which an answer by OCSP can be used, from 60s to 7d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = ocsp_lifetime)]
    ocsp_lifetime: Duration,
}

/// The options that accept a risk. Without them `ca serve` refuses to start.
#[derive(Args)]
struct AcceptArgs {
    /// Serve a CA whose ledger is missing, with an empty ledger: it does not know earlier names and serial numbers
    #[arg(long)]
    accept_empty_ledger: bool,
    /// Serve another ledger than the one served last: it does not know the later records of that one
    #[arg(long)]
    accept_older_ledger: bool,
    /// Serve with a clock that is behind the ledger's newest time: expired tokens may be valid again
    #[arg(long)]
    accept_clock: bool,
}

/// The limits for clients. Repeated answers do not count.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Connections at the same time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = positive)]
    connections: usize,
    /// Connections at the same time of one IPv4 address, or of one IPv6 /64 network
    ///
    /// Raise this limit if many clients share one address, for example behind a NAT.
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_source, value_parser = positive)]
    connections_per_source: usize,
    /// New certificates an hour for one proven key; 0: no limit
    #[arg(long, value_name = "N", default_value_t = count(RateLimits::default().key))]
    key_limit: u32,
    /// New certificates an hour for one subject; 0: no limit
    #[arg(long, value_name = "N", default_value_t = count(RateLimits::default().name))]
    name_limit: u32,
    /// New certificates an hour for one IPv4 address or IPv6 /64 network; 0: no limit
    #[arg(long, value_name = "N", default_value_t = count(RateLimits::default().source))]
    source_limit: u32,
    /// Signed revocation statuses and answers by OCSP an hour for one IPv4 address or IPv6 /64 network; 0: no limit
    #[arg(long, value_name = "N", default_value_t = count(RateLimits::default().statuses))]
    status_limit: u32,
    /// Free space on the ledger's disk, in MiB, below which no new certificates are issued; 0: no limit
    #[arg(long, value_name = "MIB", default_value_t = Policy::default().min_free / MIB)]
    min_free: u64,
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

impl From<AcceptArgs> for Accept {
    fn from(args: AcceptArgs) -> Self {
        Self {
            empty_ledger: args.accept_empty_ledger,
            older_ledger: args.accept_older_ledger,
            clock: args.accept_clock,
        }
    }
}

impl LimitArgs {
    /// The limits of the server.
    fn limits(&self) -> Limits {
        let Self { connections, connections_per_source: per_source, .. } = *self;
        Limits { connections, per_source, ..Limits::default() }
    }

    /// The policy of the CA.
    fn policy(&self, enrolment: Enrolment, certificates: &CertificateArgs) -> Policy {
        let rates = RateLimits {
            key: NonZeroU32::new(self.key_limit),
            name: NonZeroU32::new(self.name_limit),
            source: NonZeroU32::new(self.source_limit),
            statuses: NonZeroU32::new(self.status_limit),
        };
        let CertificateArgs {
            validity,
            renewal_grace,
            revoke_superseded,
            status_lifetime,
            list_lifetime,
            ocsp_lifetime,
        } = *certificates;
        let min_free = self.min_free.saturating_mul(MIB);
        Policy {
            enrolment,
            validity,
            renewal_grace,
            revoke_superseded,
            status_lifetime,
            list_lifetime,
            ocsp_lifetime,
            rates,
            min_free,
            ..Policy::default()
        }
    }
}

/// Parses the lifetime of a list. With less than a minute, its readers could not use it.
fn list_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration(text)?;
    if lifetime >= Duration::from_secs(60) {
        return Ok(lifetime);
    }
    Err("a list can be used for 60s or more".to_owned())
}

fn count(limit: Option<NonZeroU32>) -> u32 {
    limit.map_or(0, NonZeroU32::get)
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

pub(super) fn run(args: ServeArgs, provider: HostProvider) -> Result<(), CliError> {
    stderr::begin_log(args.log_format)?;
    log_memory();
    let enrolment = match (args.open, args.require_token) {
        (true, _) => Enrolment::Open,
        (false, true) => Enrolment::Token,
        (false, false) => Enrolment::Proven,
    };
    let policy = args.limits.policy(enrolment, &args.certificates);
    let tap = trace_tap(args.trace, "CA", "client");
    let ca = CaOptions {
        listen: args.listen,
        policy,
        signer: args.signer.into(),
        limits: args.limits.limits(),
        accept: args.accept.into(),
        tap,
    };
    let http = args.http;
    let console = args.console.map(|listen| args.site.options(listen)).transpose()?;
    let folder = args.folder.folder.open()?;
    let passphrase = args.folder.passphrase.for_key(&args.folder.key_file())?;
    let service = Arc::new(CaService::open_with(provider, folder.path(), passphrase)?);
    until_stopped(async |stop| {
        let repository = match http {
            Some(listen) => Some(Repository::bind(listen, Default::default(), service.clone()).await?),
            None => None,
        };
        let serve_repository = async {
            match &repository {
                Some(repository) => repository.run().await,
                None => pending().await,
            }
        };
        let serve_ca = async {
            match console {
                Some(options) => with_console(service.clone(), ca, options, stop).await,
                None => service.serve(ca, stop).await.map(|_| ()).map_err(CliError::from),
            }
        };
        tokio::select! {
            served = serve_ca => served,
            never = serve_repository => match never {},
        }
    })
}

/// Runs the server and the console in one process. If the server fails, both end. If the console stops the server, the
/// console can start it again.
async fn with_console(
    service: Arc<CaService>,
    ca: CaOptions,
    options: ConsoleOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), CliError> {
    // The start migrates the ledger and applies the --accept options. The console needs both for its certificate.
    service.start(ca).await?;
    let console = match Console::bind(options, service.clone()).await {
        Ok(console) => console,
        Err(error) => {
            // The error of the console is reported.
            let _ = service.stop().await;
            return Err(error.into());
        }
    };
    print_links(&console)?;
    let mut failed = None;
    let end = async {
        tokio::select! {
            () = stop => {}
            reason = service.failed() => failed = Some(reason),
        }
    };
    console.run(end).await;
    // The server may have stopped already.
    let _ = service.stop().await;
    failed.map_or(Ok(()), |reason| Err(CliError::from_diagnostic(Exit::Failed, reason)))
}

impl From<RepositoryError> for CliError {
    fn from(error: RepositoryError) -> Self {
        Self::from_diagnostic(Exit::Connection, error)
    }
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Listen { .. } => Self::from_diagnostic(Exit::Connection, error),
            other => Self::from_diagnostic(Exit::Failed, other),
        }
    }
}
