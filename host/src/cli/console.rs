//! `minipki console`: the CA in a browser.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::log::{self, LogFormat};
use super::{CliError, Exit, output, until_stopped};
use minipki_console::{Console, ConsoleError, ConsoleOptions, Tls};
use minipki_provider::HostProvider;
use minipki_server::{CaService, ServiceError};

/// See and run the CA in a browser, until Ctrl-C or SIGTERM
///
/// Prints a link that opens the console once. SIGUSR1 has it print another. On 127.0.0.1 without TLS the link
/// has a random host name below localhost, which browsers resolve by themselves; it is as secret as the link.
#[derive(Args)]
#[command(after_help = "Example:\n  minipki console --dir my-ca --listen 127.0.0.1:9080\n\n\
The folder need not exist: the console can make the CA. To reach it from another machine, go through\n\
ssh -L 9080:127.0.0.1:9080 HOST and open the link as it was printed, or give an address of this machine\n\
and --tls-issued. Other servers on the same host name get the console's cookie, whatever their port: on\n\
another address, or with --name, give the console a host name on which there is nothing else. On 127.0.0.1\n\
use no TLS: with it there is no random name, since the certificate would show it to everybody, and Chromium\n\
sends the cookie of 127.0.0.1 or localhost to other servers of the machine, also to those without TLS.")]
pub(super) struct ConsoleArgs {
    /// The CA's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(id = "console", long = "listen", value_name = "HOST:PORT", default_value = "127.0.0.1:9080")]
    listen: SocketAddr,
    #[command(flatten)]
    site: SiteArgs,
    /// How the log is written
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

/// How a console can be reached.
#[derive(Args)]
pub(super) struct SiteArgs {
    /// A name that browsers may ask for the console by; may be given again
    ///
    /// On loopback it takes the place of the random name below localhost or of the address; elsewhere it stands beside
    /// the address.
    #[arg(long = "name", value_name = "HOST", requires = "console")]
    names: Vec<String>,
    /// Encrypt, with a certificate that the CA's key issues for the console
    #[arg(long, requires = "console", conflicts_with = "tls_cert")]
    tls_issued: bool,
    /// Encrypt, with this certificate chain, PEM
    #[arg(long, value_name = "FILE", requires_all = ["console", "tls_key"])]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl SiteArgs {
    /// A console that is reached at `listen`.
    pub(super) fn options(self, listen: SocketAddr) -> ConsoleOptions {
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::Files { certificate, key }),
            _ => self.tls_issued.then_some(Tls::Issued),
        };
        ConsoleOptions { listen, names: self.names, tls, ..ConsoleOptions::default() }
    }
}

pub(super) fn run(args: ConsoleArgs, provider: HostProvider) -> Result<(), CliError> {
    log::begin(args.log_format)?;
    let options = args.site.options(args.listen);
    let service = Arc::new(CaService::open(provider, &args.dir)?);
    until_stopped(async |stop| {
        let console = Console::bind(options, service.clone()).await?;
        invite(&console)?;
        console.run(stop).await;
        // That it does not run is what is wanted.
        let _ = service.stop().await;
        Ok(())
    })
}

/// Prints a link, and another one at each SIGUSR1.
pub(super) fn invite(console: &Console) -> Result<(), CliError> {
    let mut asked = signal(SignalKind::user_defined1())?;
    let links = console.login_links();
    show(&links.link()?)?;
    output::say("Open this link in a browser; it works once. `kill -USR1` to this process prints another.");
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            match links.link() {
                Ok(link) => drop(show(&link)),
                Err(error) => tracing::error!(%error, "no link"),
            }
        }
    });
    Ok(())
}

fn show(link: &str) -> Result<(), CliError> {
    output::data(|out| writeln!(out, "{link}"))
}

impl From<ConsoleError> for CliError {
    fn from(error: ConsoleError) -> Self {
        match error {
            ConsoleError::NotEncrypted(_) => Self::told(Exit::Usage, error),
            ConsoleError::Listen { .. } => Self::told(Exit::Connection, error),
            _ => Self::told(Exit::Failed, error),
        }
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Serve(error) => error.into(),
            ServiceError::Folder(error) => error.into(),
            ServiceError::Ledger(error) => error.into(),
            _ => Self::told(Exit::Failed, error),
        }
    }
}
