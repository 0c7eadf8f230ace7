//! `minipki renew`: replaces the certificate of an identity by a new one, before or shortly after its end.

use std::time::Duration;

use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;
use minipki_core::wire::Code;
use serde_json::json;
use tokio::time::sleep;

use super::ca_contact::CaArgs;
use super::passphrase_args::IdentityArgs;
use super::x509::fetch;
use super::{CliError, Exit, duration, interrupted, output};
use minipki_client::chat::{Stop, stopped};
use minipki_client::{CaContact, ClientError, Identity, Renewal, TWIN_FILE};
use minipki_os::clock;
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// The longest pause of --daemon between two looks at the clock.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// The pauses of --daemon after a failure: the first and the longest one.
const RETRY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));

/// The shortest pause after a failure.
const SHORTEST: Duration = Duration::from_secs(3);

/// Replace the certificate of an identity by a new one, with a new key
///
/// The identity proves that it holds the present key and the new one. The folder gets the new key and certificate, and
/// keeps the present ones in previous/. If it has certificate.pem, that is replaced too. If the renewal is stopped or fails, the present identity stays as it is: run the
/// same command again. The CA renews a certificate also for some time after its end, see `minipki ca serve --help`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki renew --identity alice
  minipki renew --identity alice --before 30d
  minipki renew --identity alice --before 30d --daemon

`minipki listen` shows the renewed certificate to its next peers, without a restart.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) identity: IdentityArgs,
    /// Renew only if the certificate ends within this time; otherwise the exit code is 8
    #[arg(long, value_name = "TIME", value_parser = duration)]
    before: Option<Duration>,
    /// Certify the present key again, instead of a new one
    #[arg(long)]
    reuse_key: bool,
    /// Go on: wait until the renewal is due, renew, and wait for the next one
    #[arg(long, requires = "before")]
    daemon: bool,
    #[command(flatten)]
    ca: CaArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(
    args: Args,
    passphrase: Option<Passphrase>,
    provider: HostProvider,
    stop: Stop,
) -> Result<(), CliError> {
    let contact = args.ca.contact(Some(&args.identity.folder))?;
    let job = Job { args, passphrase, provider, contact };
    tokio::select! {
        ended = job.once(), if !job.args.daemon => ended,
        ended = job.repeat(), if job.args.daemon => ended,
        // A renewal that is stopped can be continued. The end of a daemon is no error.
        signal = stopped(&stop) => if job.args.daemon { Ok(()) } else { interrupted(signal) },
    }
}

struct Job {
    args: Args,
    passphrase: Option<Passphrase>,
    provider: HostProvider,
    contact: CaContact,
}

impl Job {
    /// Renews once, if the renewal is due.
    async fn once(&self) -> Result<(), CliError> {
        let (end, now) = (self.validity()?.not_after(), clock::now()?);
        let left = Duration::from_secs(end.get().saturating_sub(now.get()));
        if self.args.before.is_some_and(|before| left > before) {
            let seen = format!("the renewal is not due: the certificate is valid until {end}");
            return Err(CliError::new(Exit::NotDue, seen, "run it again later, or without --before"));
        }
        self.renew().await.map_err(|failure| failure.error)?;
        self.keep_twin().await
    }

    /// Renews whenever the renewal is due. A failure is reported, and the next attempt comes later.
    async fn repeat(&self) -> Result<(), CliError> {
        let before = self.args.before.unwrap_or_default();
        let (mut retry, mut planned) = (RETRY.0, None);
        loop {
            // Also that of a renewal whose twin could not be fetched. The renewal itself goes on.
            if let Err(error) = self.keep_twin().await {
                output::say(&error);
            }
            // Another process may have renewed the identity.
            let end = self.validity()?.not_after();
            let due = match planned {
                Some((planned_end, due)) if planned_end == end => due,
                _ => {
                    let due = end.get().saturating_sub(spread(before).as_secs());
                    planned = Some((end, due));
                    let at = UnixTime::new(due).unwrap_or(end);
                    output::say(format_args!(
                        "the certificate is valid until {end}; the renewal is due at {at}"
                    ));
                    due
                }
            };
            let (left, end) = (due.saturating_sub(clock::now()?.get()), end.get());
            if left > 0 {
                // The clock of the machine may be set, and the machine may sleep.
                sleep(Duration::from_secs(left).min(LOOK)).await;
                continue;
            }
            match self.renew().await {
                Ok(()) => {
                    retry = RETRY.0;
                    let left = self.validity()?.not_after().get().saturating_sub(clock::now()?.get());
                    if left <= before.as_secs() {
                        return Err(too_early(left));
                    }
                }
                Err(Failure { error, is_final: true }) => return Err(error),
                Err(Failure { error, .. }) => {
                    output::say(&error);
                    // Several attempts must fit into the time that is left.
                    let left = Duration::from_secs(end.saturating_sub(clock::now()?.get()));
                    sleep(spread(retry.min((left / 8).max(SHORTEST)))).await;
                    retry = retry.saturating_mul(2).min(RETRY.1);
                }
            }
        }
    }

    /// The validity of the present certificate. It must be longer than --before.
    fn validity(&self) -> Result<Validity, CliError> {
        let folder = &self.args.identity.folder;
        let identity = Identity::load_genuine(self.provider, folder, self.passphrase.as_ref())?;
        let validity = identity.validity();
        let whole = validity.not_after().get().saturating_sub(validity.not_before().get());
        // A new certificate must not be due at once.
        if self.args.before.is_some_and(|before| before.as_secs() > whole / 10 * 9) {
            return Err(too_early(whole));
        }
        Ok(validity)
    }

    /// Gets the X.509 twin of the certificate, if the folder has that of an earlier one.
    async fn keep_twin(&self) -> Result<(), CliError> {
        let folder = &self.args.identity.folder;
        if !folder.join(TWIN_FILE).exists() {
            return Ok(());
        }
        let identity = Identity::load_genuine(self.provider, folder, self.passphrase.as_ref())?;
        match identity.has_twin(folder) {
            true => Ok(()),
            false => fetch::keep(&identity, &self.contact, folder).await,
        }
    }

    async fn renew(&self) -> Result<(), Failure> {
        let folder = &self.args.identity.folder;
        let renewal = Renewal::begin(self.provider, folder, self.passphrase.as_ref(), self.args.reuse_key)
            .map_err(CliError::from)?;
        if renewal.resumed() {
            output::say("the renewal continues with the new key of an earlier try");
        }
        let former = renewal.current().serial_number();
        let identity = renewal.run(&self.contact).await.map_err(Failure::from)?;
        let (subject, serial) = (identity.subject_id(), identity.serial_number());
        let until = identity.validity().not_after();
        if self.args.json {
            output::json(&json!({
                "not_after": until.to_string(),
                "renews_serial_number": former.to_u64(),
                "serial_number": serial.to_u64(),
                "subject_id": subject.as_str(),
            }))?;
        }
        output::say(format_args!(
            "{subject} has a new certificate: serial {serial}, valid until {until}; the one before is in {}",
            folder.join("previous").display()
        ));
        Ok(())
    }
}

/// The error of a --before that a certificate of this lifetime in seconds does not allow.
fn too_early(lifetime: u64) -> CliError {
    let seen = format!("the certificate lives {lifetime} s: --before is too long for it");
    CliError::new(Exit::Usage, seen, "give a shorter --before, for example a third of the lifetime")
}

/// The failure of a renewal.
struct Failure {
    error: CliError,
    /// Whether no later attempt can succeed.
    is_final: bool,
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        Self { error, is_final: false }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let is_final = matches!(
            error,
            ClientError::Refused {
                code: Code::SubjectTaken | Code::Revoked | Code::UnknownCertificate | Code::Expired,
                ..
            }
        );
        let error = match error {
            ClientError::Refused { code: Code::SubjectTaken, .. } => CliError::new(
                Exit::Refused,
                "refused (subject_taken): the name belongs to another key now",
                "if it was renewed from a copy of this folder, use that copy; otherwise ask the CA's operator",
            ),
            error => error.into(),
        };
        Self { error, is_final }
    }
}

/// A random part of `time`, so that many clients do not ask the CA at the same moment.
fn spread(time: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    time.mul_f64(0.9 + 0.1 * f64::from(random) / f64::from(u32::MAX))
}
