//! `minipki console`: the CA in a browser.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use miette::Diagnostic;
use tokio::signal::unix::{SignalKind, signal};
use tracing::field::display;

use super::passphrase_args::PassphraseArgs;
use super::stderr::{self, LogFormat};
use super::values::{HostName, host_name, local};
use super::{CliError, Exit, log_memory, output, until_stopped};
use minipki_console::{Console, ConsoleError, ConsoleOptions, Tls};
use minipki_provider::HostProvider;
use minipki_server::{CaKey, CaService, ServiceError};

/// Show and control the CA in a browser, until Ctrl-C or SIGTERM
///
/// Prints a link that opens the console once. `minipki console link` prints another link, and so does the console at
/// SIGUSR1. On 127.0.0.1 without TLS the link
/// has a random host name below localhost. Browsers resolve this name by themselves. It is as secret as the link.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "Example:\n  minipki console --dir my-ca --listen 127.0.0.1:9080\n  minipki console link --dir my-ca\n\n\
The folder need not exist: the console can make the CA. If its key is encrypted and no passphrase is given, the\n\
console starts locked, and the passphrase can be given in the browser. To reach the console from another machine, run\n\
ssh -L 9080:127.0.0.1:9080 HOST and open the printed link. Or listen on an address of this machine with\n\
--tls-issued.\n\n\
A browser sends the console's cookie to all servers on the same host name, on any port. So for another\n\
address, or with --name, use a host name that no other server has. On 127.0.0.1 use no TLS: the console\n\
has no random name then, since its certificate would show the name. And Chromium sends the cookie of\n\
127.0.0.1 or localhost to other servers of the machine, also without TLS."
)]
pub(super) struct ConsoleArgs {
    #[command(subcommand)]
    command: Option<ConsoleCommand>,
    /// The CA's folder
    #[arg(long, value_name = "DIR", required = true)]
    dir: Option<PathBuf>,
    /// The address to listen on; port 0 chooses a free port
    #[arg(id = "console", long = "listen", value_name = "HOST:PORT", default_value = "127.0.0.1:9080",
        value_parser = local::<9080>)]
    listen: SocketAddr,
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The format of the log
    #[arg(long, value_enum, default_value = "text")]
    pub(in crate::cli) log_format: LogFormat,
}

#[derive(Subcommand)]
enum ConsoleCommand {
    /// Print a new sign-in link of the console that runs on the folder
    ///
    /// The link works once. It opens a session of its own. The console can also be the one of `minipki ca serve
    /// --console`.
    #[command(after_help = "Example:\n  minipki console link --dir my-ca")]
    Link(LinkArgs),
}

#[derive(Args)]
struct LinkArgs {
    /// The CA's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// The host names of a console, and its TLS.
#[derive(Args)]
pub(super) struct SiteArgs {
    /// A host name of the console; may be given several times
    ///
    /// On loopback it replaces the random name below localhost or the address. On other addresses the console is
    /// also reachable by the address.
    #[arg(long = "name", value_name = "HOST", requires = "console", value_parser = host_name)]
    names: Vec<HostName>,
    /// Use TLS, with short-lived certificates that the CA issues for the console
    ///
    /// Browsers accept them after the import of the CA certificate: `minipki ca certificate`, or the page Authority.
    #[arg(long, requires = "console", conflicts_with = "tls_cert")]
    tls_issued: bool,
    /// Use TLS, with this certificate chain, PEM
    #[arg(long, value_name = "FILE", requires_all = ["console", "tls_key"])]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl SiteArgs {
    /// The options of a console that listens on `listen`.
    pub(super) fn options(self, listen: SocketAddr) -> Result<ConsoleOptions, CliError> {
        let names =
            self.names.into_iter().map(|name| name.at(listen)).collect::<Result<_, _>>().map_err(|seen| {
                let next = "leave out the port of --name, or listen on that port";
                CliError::new(Exit::Usage, seen, next)
            })?;
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::Files { certificate, key }),
            _ => self.tls_issued.then_some(Tls::Issued),
        };
        Ok(ConsoleOptions { listen, names, tls, ..ConsoleOptions::default() })
    }
}

pub(super) fn run(args: ConsoleArgs, provider: HostProvider) -> Result<(), CliError> {
    if let Some(ConsoleCommand::Link(args)) = &args.command {
        let link = super::client_runtime()?.block_on(minipki_console::request_link(&args.dir));
        return print(&link.map_err(|error| CliError::from_diagnostic(Exit::Connection, error))?);
    }
    // Without a subcommand the folder is required.
    let dir = args.dir.unwrap_or_default();
    stderr::begin_log(args.log_format)?;
    log_memory();
    let options = args.site.options(args.listen)?;
    // Nothing is asked: a browser can unlock an encrypted key.
    let passphrase = args.passphrase.given()?;
    let given = passphrase.is_some();
    let service = Arc::new(CaService::open_with(provider, &dir, passphrase)?);
    if given && let CaKey::Ready(folder) = service.key() {
        folder.check_key()?;
    }
    until_stopped(async |stop| {
        let console = Console::bind(options, service.clone()).await?;
        print_links(&console)?;
        console.run(stop).await;
        // The server may have stopped already.
        let _ = service.stop().await;
        Ok(())
    })
}

/// Prints a link, and another one at each SIGUSR1.
pub(super) fn print_links(console: &Console) -> Result<(), CliError> {
    let mut signals = signal(SignalKind::user_defined1())?;
    let links = console.login_links();
    print(&links.link()?)?;
    output::say(
        "Open this link in a browser. It works once. For another link run: minipki console link --dir DIR",
    );
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            match links.link() {
                Ok(link) => drop(print(&link)),
                Err(error) => {
                    let next = error.help().map(display);
                    tracing::error!(%error, next, "no link could be made");
                }
            }
        }
    });
    Ok(())
}

fn print(link: &str) -> Result<(), CliError> {
    output::data(|out| writeln!(out, "{link}"))
}

impl From<ConsoleError> for CliError {
    fn from(error: ConsoleError) -> Self {
        match error {
            ConsoleError::NotEncrypted(_) => Self::from_diagnostic(Exit::Usage, error),
            ConsoleError::Listen { .. } => Self::from_diagnostic(Exit::Connection, error),
            _ => Self::from_diagnostic(Exit::Failed, error),
        }
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Serve(error) => error.into(),
            ServiceError::Folder(error) => error.into(),
            ServiceError::Ledger(error) => error.into(),
            _ => Self::from_diagnostic(Exit::Failed, error),
        }
    }
}
