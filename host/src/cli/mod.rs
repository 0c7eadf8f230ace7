//! The command line. Data goes to standard output, all other texts to standard error.
//!
//! Each command has a file with its arguments, its help page with an example, and its code.

mod advice;
mod anchors;
mod attack;
mod ca;
mod ca_contact;
mod capture;
mod confirm;
mod connect;
mod console;
mod csr;
mod demo;
mod enroll;
mod error;
mod exit;
mod inspect;
mod inspected;
mod listen;
mod out_file;
mod output;
mod passphrase;
mod passphrase_args;
mod prompt;
mod renew;
mod resources;
mod revoke;
mod status;
mod stderr;
mod talk;
mod usage;
mod values;
mod verify;
mod x509;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::panic;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use signal_hook::consts::SIGXFSZ;
use tokio::runtime::{Builder, Runtime};

use minipki_client::chat;
use minipki_net::trace::{Printer, Tap};
use minipki_os::memory;
use minipki_provider::HostProvider;
use minipki_server::stop_signals;

pub use error::CliError;
pub use exit::Exit;
use resources::Needs;
use stderr::{LogFormat, Stderr};
use values::{duration, duration_or_zero};

/// MiniPKI: a certificate authority, its clients, and secure channels between them
#[derive(Parser)]
#[command(name = "minipki", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = concat_help())]
pub struct Cli {
    /// The cryptographic provider for sessions and certificates
    #[arg(long, value_enum, value_name = "PROVIDER", default_value = "aws-lc", global = true)]
    provider: ProviderArg,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProviderArg {
    /// AWS-LC, the fastest
    AwsLc,
    /// The core's own code, the same that runs on a device
    Portable,
}

impl From<ProviderArg> for HostProvider {
    fn from(provider: ProviderArg) -> Self {
        match provider {
            ProviderArg::AwsLc => Self::AwsLc,
            ProviderArg::Portable => Self::Portable,
        }
    }
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    #[command(subcommand)]
    Ca(ca::Command),
    #[command(visible_alias = "enrol")]
    Enroll(enroll::Args),
    Listen(listen::Args),
    Connect(connect::Args),
    Renew(renew::Args),
    Status(status::Args),
    Revoke(revoke::Args),
    Anchors(anchors::Args),
    Passphrase(passphrase::Args),
    Console(console::ConsoleArgs),
    Inspect(inspect::Args),
    Verify(verify::Args),
    #[command(subcommand)]
    X509(x509::Command),
    Csr(csr::Args),
    Completions(Completions),
}

impl Command {
    /// The threads and open files that the command needs; `None` if it starts no threads.
    fn needs(&self) -> Option<Needs> {
        match self {
            Self::Demo(_) | Self::Console(_) | Self::Ca(ca::Command::Serve(_)) => Some(Needs::server()),
            Self::Enroll(_)
            | Self::Listen(_)
            | Self::Connect(_)
            | Self::Renew(_)
            | Self::Status(_)
            | Self::Revoke(_)
            | Self::Anchors(_) => Some(Needs::CLIENT),
            Self::Ca(_) | Self::Inspect(_) | Self::Verify(_) | Self::X509(_) | Self::Csr(_) => None,
            Self::Passphrase(_) | Self::Completions(_) => None,
        }
    }
}

impl Command {
    /// The format of the log, if the command is a server.
    fn log_format(&self) -> Option<LogFormat> {
        match self {
            Self::Console(args) => Some(args.log_format),
            Self::Ca(ca::Command::Serve(args)) => Some(args.log_format),
            _ => None,
        }
    }
}

/// Print the completions of a shell
#[derive(clap::Args)]
#[command(after_help = "Example:\n  minipki completions bash")]
struct Completions {
    /// The shell
    shell: Shell,
}

fn concat_help() -> String {
    format!("Example:\n  minipki demo\n\n{}", exit::TABLE)
}

/// The whole command line, for documentation and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        let next = "report it to the maintainers of MiniPKI, with the command and these lines";
        stderr::fail(&CliError::new(Exit::Failed, format_args!("this is a bug in MiniPKI: {panic}"), next));
    }));
    let code = match ignore_file_limit().map_err(CliError::from).and_then(|()| run(usage::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            stderr::fail(&error);
            error.exit().into()
        }
    };
    stderr::end();
    code
}

/// Handles SIGXFSZ, so that a write beyond the limit of a file's size (`ulimit -f`) returns an error. Without this the
/// signal ends the program without a message.
fn ignore_file_limit() -> io::Result<()> {
    // The handler sets a flag that is never read.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

fn run(cli: Cli) -> Result<(), CliError> {
    let provider = cli.provider.into();
    if let Some(format) = cli.command.log_format() {
        stderr::set_format(format);
    }
    // Each command may hold keys. If the system does not allow this, `ca serve` and `console` say so.
    let _ = protect_memory();
    cli.command.needs().map_or(Ok(()), Needs::check)?;
    match cli.command {
        Command::Demo(args) => wait(runtime(), demo::run(args, provider)),
        Command::Ca(command) => ca::run(command, provider),
        Command::Enroll(args) => {
            let keys = args.keys(provider)?;
            wait(client_runtime(), enroll::run(args, keys, provider))
        }
        Command::Listen(args) => {
            let (identity, passphrase) = args.identity.open_with_passphrase(provider)?;
            until_closed(async |stop| listen::run(args, identity, passphrase, provider, stop).await)
        }
        Command::Connect(args) => {
            if let Some(attack) = args.attack() {
                return wait(client_runtime(), args.run_attack(attack, provider));
            }
            let args = args.into_peer();
            let identity = args.identity.open(provider)?;
            until_closed(async |stop| connect::run(args, identity, stop).await)
        }
        Command::Renew(args) => {
            let passphrase = args.identity.passphrase.for_key(&args.identity.key_file())?;
            until_closed(async |stop| renew::run(args, passphrase, provider, stop).await)
        }
        Command::Status(args) => {
            let identity = args.identity(provider)?;
            wait(client_runtime(), status::run(args, identity, provider))
        }
        Command::Revoke(args) => {
            let identity = args.identity.open_at_any_time(provider)?;
            wait(client_runtime(), revoke::run(args, identity))
        }
        Command::Anchors(args) => {
            let identity = args.identity.open_at_any_time(provider)?;
            wait(client_runtime(), anchors::run(args, identity))
        }
        Command::Passphrase(args) => passphrase::run(&args),
        Command::Console(args) => console::run(args, provider),
        Command::Inspect(args) => inspect::run(&args),
        Command::Verify(args) => verify::run(&args, provider),
        Command::X509(command) => x509::run(command, provider),
        Command::Csr(args) => csr::run(&args),
        Command::Completions(args) => {
            let mut page = Vec::new();
            clap_complete::generate(args.shell, &mut command(), "minipki", &mut page);
            output::data(|out| out.write_all(&page))
        }
    }
}

/// Keeps keys and passphrases out of core dumps and of the swap space.
fn protect_memory() -> io::Result<()> {
    memory::forbid_core_dumps().and(memory::lock_memory())
}

/// Logs what [`protect_memory`] could not do. Users without privileges usually cannot lock memory.
fn log_memory() {
    if let Err(error) = memory::forbid_core_dumps() {
        tracing::warn!(%error, "the CA's key could get into a core dump");
    }
    if let Err(error) = memory::lock_memory() {
        tracing::debug!(%error, "the CA's key could get into the swap space");
    }
}

/// A runtime with one thread for each two cores. Signatures take far longer than network work and use the other cores.
/// With fewer threads, fewer are woken for a single request.
fn runtime() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread().worker_threads(cores.div_ceil(2)).enable_all().build()
}

/// A runtime on the current thread, which is enough for a client.
fn client_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A future that resolves when a service must stop in order.
type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a service. The first SIGINT, SIGTERM or SIGHUP resolves the future that `service` receives. A second signal ends
/// the service at once. No certificate is lost, since each answer is on the disk before it is sent.
fn until_stopped(service: impl AsyncFnOnce(Stop) -> Result<(), CliError>) -> Result<(), CliError> {
    let runtime = runtime()?;
    let mut at_once = false;
    let done = runtime.block_on(async {
        let (stop, again) = stop_signals()?;
        let stop = async {
            let signal = stop.await;
            tracing::info!(signal, "received a signal to end; a second signal ends the program at once");
        };
        tokio::select! {
            // `again` is polled first, so that it is ready for a second signal before the service reports the first.
            biased;
            signal = again => {
                at_once = true;
                let seen = format_args!("ended at once by a second signal, {signal}; every answer is on disk");
                Err(CliError::new(Exit::Interrupted, seen, ""))
            }
            done = service(Box::pin(stop)) => done,
        }
    });
    if at_once {
        runtime.shutdown_background();
    }
    done
}

/// Runs a client with open channels. The first SIGINT, SIGTERM or SIGHUP asks it to close them and to end. A second
/// signal ends it at once.
fn until_closed(client: impl AsyncFnOnce(chat::Stop) -> Result<(), CliError>) -> Result<(), CliError> {
    let runtime = client_runtime()?;
    let done = runtime.block_on(async {
        let (stop, again) = stop_signals()?;
        let (ask, asked) = tokio::sync::watch::channel(None);
        let asking = async {
            ask.send_replace(Some(stop.await));
            pending::<Infallible>().await
        };
        tokio::select! {
            // As in `until_stopped`.
            biased;
            signal = again => {
                let seen = format_args!("ended at once by a second signal, {signal}; channels may not be closed");
                Err(CliError::new(Exit::Interrupted, seen, ""))
            }
            never = asking => match never {},
            done = client(asked) => done,
        }
    });
    // Does not wait for the thread that reads standard input.
    runtime.shutdown_background();
    done
}

/// Runs `work` to its end, or until SIGINT, SIGTERM or SIGHUP.
fn wait<T>(
    runtime: io::Result<Runtime>,
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let runtime = runtime?;
    let done = runtime.block_on(async {
        let (stop, _) = stop_signals()?;
        tokio::select! {
            biased;
            done = work => done,
            signal = stop => interrupted(signal),
        }
    });
    // Does not wait for a thread that still generates a key.
    runtime.shutdown_background();
    done
}

/// The error for a signal that came before the work was done.
fn interrupted<T>(signal: &'static str) -> Result<T, CliError> {
    Err(CliError::new(Exit::Interrupted, format_args!("ended by {signal}"), ""))
}

/// The observer that prints messages to standard error, if `trace` is set.
fn trace_tap(trace: bool, own: impl Into<String>, peer: impl Into<String>) -> Option<Arc<dyn Tap>> {
    trace.then(|| Arc::new(Printer::new(Stderr, own, peer)) as Arc<dyn Tap>)
}
