//! The command line: arguments in, data on standard output, everything else on standard error.
//!
//! One file a command; each holds its arguments, its help page with an example, and what it runs.

mod advice;
mod ca;
mod connect;
mod console;
mod demo;
mod enroll;
mod error;
mod exit;
mod inspect;
mod listen;
mod log;
mod output;
mod progress;
mod resources;
mod stderr;
mod talk;
mod verify;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::panic;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use signal_hook::consts::SIGXFSZ;
use tokio::runtime::{Builder, Runtime};

use minipki_client::chat;
use minipki_net::trace::{Printer, Tap};
use minipki_provider::HostProvider;
use minipki_server::stop_signals;

pub use error::CliError;
pub use exit::Exit;
use resources::Needs;
use stderr::Stderr;

/// MiniPKI: a certificate authority, its clients, and secure channels between them
#[derive(Parser)]
#[command(name = "minipki", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = concat_help())]
pub struct Cli {
    /// What computes for sessions and certificates
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
    Enroll(enroll::Args),
    Listen(listen::Args),
    Connect(connect::Args),
    Console(console::ConsoleArgs),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Completions(Completions),
}

impl Command {
    /// The threads and open files that the command needs, if it starts threads.
    fn needs(&self) -> Option<Needs> {
        match self {
            Self::Demo(_) | Self::Console(_) | Self::Ca(ca::Command::Serve(_)) => Some(Needs::server()),
            Self::Enroll(_) | Self::Listen(_) | Self::Connect(_) => Some(Needs::CLIENT),
            Self::Ca(_) | Self::Inspect(_) | Self::Verify(_) | Self::Completions(_) => None,
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

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        let next = "report it to the maintainers of MiniPKI, with the command and these lines";
        output::say(CliError::new(
            Exit::Failed,
            format_args!("this is a fault of MiniPKI itself: {panic}"),
            next,
        ));
    }));
    let code = match ignore_file_limit().map_err(CliError::from).and_then(|()| run(parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(&error);
            error.exit().into()
        }
    };
    stderr::end();
    code
}

/// Makes a write beyond the limit of a file's size (`ulimit -f`) an error like any other. The signal SIGXFSZ, which
/// comes with it, would end the program without a word.
fn ignore_file_limit() -> io::Result<()> {
    // A handler that only sets a flag; nobody reads the flag.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Reads the command line. Ends the program if it is wrong, and repeats no word that may be a token in the wrong place.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|mut error| {
        let argument = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => argument.as_str(),
            _ => "",
        };
        let secret = match error.kind() {
            ErrorKind::ValueValidation if argument.starts_with("--fingerprint") => {
                Some(ContextKind::InvalidValue)
            }
            ErrorKind::UnknownArgument if !argument.starts_with('-') => Some(ContextKind::InvalidArg),
            _ => None,
        };
        if let Some(secret) = secret {
            error.insert(secret, ContextValue::String("...".to_owned()));
        }
        error.exit()
    })
}

fn run(cli: Cli) -> Result<(), CliError> {
    let provider = cli.provider.into();
    cli.command.needs().map_or(Ok(()), Needs::check)?;
    match cli.command {
        Command::Demo(args) => wait(runtime(), demo::run(args, provider)),
        Command::Ca(command) => ca::run(command, provider),
        Command::Enroll(args) => wait(client_runtime(), enroll::run(args, provider)),
        Command::Listen(args) => until_closed(async |stop| listen::run(args, provider, stop).await),
        Command::Connect(args) => until_closed(async |stop| connect::run(args, provider, stop).await),
        Command::Console(args) => console::run(args, provider),
        Command::Inspect(args) => inspect::run(&args),
        Command::Verify(args) => verify::run(&args, provider),
        Command::Completions(args) => {
            let mut page = Vec::new();
            clap_complete::generate(args.shell, &mut command(), "minipki", &mut page);
            output::data(|out| out.write_all(&page))
        }
    }
}

/// A runtime with a thread for every other core. The rest is for signatures, which take far longer than what is
/// done for the network; and each thread less is one less to wake for a request that comes alone.
fn runtime() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread().worker_threads(cores.div_ceil(2)).enable_all().build()
}

/// A runtime on the current thread. A client has little to do at the same time.
fn client_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// The future that tells a service to stop in order.
type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a service. The first SIGINT, SIGTERM or SIGHUP stops it in order, by the future that `service` is given;
/// a second one ends it at once. That loses nothing: every answer is on disk.
fn until_stopped(service: impl AsyncFnOnce(Stop) -> Result<(), CliError>) -> Result<(), CliError> {
    let runtime = runtime()?;
    let mut at_once = false;
    let done = runtime.block_on(async {
        let (stop, again) = stop_signals()?;
        let stop = async {
            let signal = stop.await;
            tracing::info!(signal, "asked to stop; another such signal ends this at once");
        };
        tokio::select! {
            // The second signal is looked for first, so that it has seen the first one before the service says so.
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

/// Runs a client that holds channels. The first SIGINT, SIGTERM or SIGHUP asks it to close them and to end; a second one
/// ends it at once.
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
    // The keyboard is not worth waiting for.
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
    // A key that is still being made is not worth waiting for.
    runtime.shutdown_background();
    done
}

/// A signal that came before the work was done.
fn interrupted<T>(signal: &'static str) -> Result<T, CliError> {
    Err(CliError::new(Exit::Interrupted, format_args!("ended by {signal}"), ""))
}

/// A tap that prints to standard error, if `trace` asks for one.
fn watch(trace: bool, own: impl Into<String>, peer: impl Into<String>) -> Option<Arc<dyn Tap>> {
    trace.then(|| Arc::new(Printer::new(Stderr, own, peer)) as Arc<dyn Tap>)
}

/// A length of time: a whole number and `s`, `m`, `h` or `d`.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = |unit| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        _ => None,
    };
    text.split_at_checked(text.len().saturating_sub(1))
        .and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(seconds(unit)?))
        .filter(|&total| total > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a whole number and s, m, h or d, such as 90s, 30m, 12h or 7d".to_owned())
}
