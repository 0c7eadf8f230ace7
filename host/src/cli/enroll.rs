//! `minipki enroll`: makes a key, and gets a CA's certificate for it.

use std::io;
use std::path::{Path, PathBuf};

use minipki_core::cert::{Anchor, Certificate, IdBuf};
use minipki_core::crypto::KeyPair;
use minipki_core::keys::Fingerprint;
use minipki_core::session::EnrolForm;
use minipki_core::trust::{CertStatus, Revocation, RevocationReason};
use serde_json::json;
use zeroize::Zeroizing;

use super::passphrase_args::PassphraseArgs;
use super::values::{TokenArgs, fingerprint, remote};
use super::x509::fetch;
use super::{CliError, Exit, advice, output, trace_tap};
use minipki_client::{
    CaContact, ClientError, EnrolOptions, ExpectedFile, Identity, IdentityError, IdentityFolder, KEY_FILE,
    KeyOptions, enrol, proven, read_anchor, read_key, store_ca_address,
};
use minipki_os::clock;
use minipki_os::files::quoted;
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// Make a key and get a certificate for it from a CA
///
/// The CA must be the one that --fingerprint or --anchor pins. No other CA is trusted.
///
/// If an enrolment fails or is stopped, run the same command again. It continues with the key in the folder, and the CA
/// repeats its answer for that key, for a day or until the token expires. A lost certificate.json is restored in the
/// same way. A lost anchor.json can be restored at any time. If the folder already has the identity of this subject
/// and CA, nothing is changed and the exit code is 0.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki enroll --ca 127.0.0.1:9000 --subject alice --anchor my-ca/anchor.json --out alice
  minipki enroll --ca 127.0.0.1:9000 --subject alice --anchor my-ca/anchor.json --out alice --x509

Other users of the machine can see the value of --token. Use a file instead (--token-file FILE),
standard input (--token-file -), or the environment variable MINIPKI_TOKEN.")]
pub(super) struct Args {
    /// The CA's address; without a port, 9000
    #[arg(long, value_name = "HOST:PORT", value_parser = remote::<9000>)]
    ca: String,
    /// The subject of the certificate
    #[arg(long, value_name = "NAME")]
    subject: IdBuf,
    #[command(flatten)]
    pinned: Pinned,
    /// The folder for key.pem, certificate.json and anchor.json: a new or empty folder, or the folder of an earlier try
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    token: TokenArgs,
    /// Use the classic form, which proves nothing; the CA must allow it
    #[arg(long, conflicts_with_all = ["token", "token_file"])]
    classic: bool,
    /// Enrol this X25519 key (PKCS#8, PEM), instead of a new one; the folder gets a copy
    ///
    /// If the key is encrypted, the copy is encrypted with the same passphrase.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Get the certificate as X.509 too: certificate.pem, for programs that do not read certificates in JSON
    ///
    /// `minipki renew` replaces this file, too. For an identity that exists, `minipki x509 fetch` gets it.
    #[arg(long)]
    x509: bool,
    /// Encrypt the private key with a passphrase; --passphrase-file and --passphrase-fd do so too
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print each message, decoded, with the purpose of each field
    #[arg(long)]
    trace: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Pinned {
    /// The CA's fingerprint, as `minipki ca fingerprint` prints it: 64 hexadecimal digits, or 32 words in quotation marks
    ///
    /// The digits may be in upper or lower case, with colons, hyphens or blanks between them, and with 0x or the name of
    /// the digest (`sha256:`, `SHA256 Fingerprint=`) in front. The console and `minipki ca fingerprint --words` show
    /// the words.
    #[arg(long, value_name = "HEX|WORDS", value_parser = fingerprint)]
    fingerprint: Option<Fingerprint>,
    /// The CA's anchor.json, or its public key as PEM
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

/// The given key, the passphrase of the key in the folder, and the token.
pub(super) struct Keys {
    existing: Option<KeyPair<HostProvider>>,
    passphrase: Option<Passphrase>,
    token: Option<Zeroizing<String>>,
}

impl Args {
    /// Reads the token, the passphrase and the given key. This may wait for a person at a terminal.
    pub(super) fn keys(&self, provider: HostProvider) -> Result<Keys, CliError> {
        // With --classic the variable of the environment does not count.
        let token = if self.classic { None } else { self.token.token()? };
        if let Some(file) = &self.key {
            output::check_kind(file, ExpectedFile::PrivateKey)?;
        }
        let own = self.out.join(KEY_FILE);
        // After an interrupted enrolment the folder has a key already.
        let mut passphrase = self.passphrase.for_key(&own)?;
        if let (None, Some(file)) = (&passphrase, &self.key) {
            passphrase = self.passphrase.for_key(file)?;
        }
        if passphrase.is_none() {
            passphrase = self.passphrase.for_new(self.encrypt && !own.exists())?;
        }
        let read = |file: &PathBuf| {
            read_key(provider, file, passphrase.as_ref()).map_err(|error| match &error {
                IdentityError::Key { .. } => CliError::new(
                    Exit::Failed,
                    error,
                    "give an X25519 key in PEM: PKCS#8, also encrypted, as `openssl genpkey` writes it",
                ),
                IdentityError::Missing(_) => CliError::file(file, &io::ErrorKind::NotFound.into()),
                _ => error.into(),
            })
        };
        let existing = self.key.as_ref().map(read).transpose()?;
        Ok(Keys { existing, passphrase, token })
    }
}

pub(super) async fn run(args: Args, keys: Keys, provider: HostProvider) -> Result<(), CliError> {
    let anchor = args.pinned.anchor()?;
    // Before the request is sent, the key is on the disk and disk space for the certificate is reserved.
    let options = KeyOptions { passphrase: keys.passphrase.as_ref(), existing: keys.existing.as_ref() };
    let begun = IdentityFolder::begin_with(provider, &args.out, args.subject.as_id(), &anchor, options)?;
    let command = format!("minipki passphrase --identity {}", quoted(&args.out));
    args.passphrase.warn_if_plain(&args.out.join(KEY_FILE), &command);
    let pending = match begun {
        IdentityFolder::Pending(pending) => pending,
        IdentityFolder::Enrolled(identity) => {
            check_status(&identity, &args.out)?;
            identity.check_time(clock::now()?).map_err(|error| advice::out_of_time(error, &args.out))?;
            report(&args.out, &identity, "enrolled already", args.json)?;
            return twin(args, &identity).await;
        }
    };
    let out = args.out.display();
    if pending.resumed() {
        output::say(format_args!("the enrolment continues with the key of an earlier try in {out}"));
    }
    let form =
        if args.classic { EnrolForm::Classic } else { proven(keys.token.as_deref().map(String::as_str)) };
    let (ca, tap) = (args.ca.clone(), trace_tap(args.trace, args.subject.to_string(), "CA"));
    let options = EnrolOptions { form, tap, ..EnrolOptions::new(&ca, args.subject.clone(), anchor) };
    let identity = match enrol(pending.key().clone(), options).await {
        Ok(identity) => identity,
        Err(error) => {
            pending.fail(&error);
            output::say(format_args!(
                "the key is kept in {out}: an enrolment into this folder uses it again"
            ));
            return Err(match error {
                // Here is no identity yet that could follow a change of the key.
                error if error.is_of_another_key() => {
                    let next = "ask the CA's operator for its present fingerprint; if it has changed, run the same \
                        command with it, into the same folder";
                    CliError::new(Exit::NotVerified, error, next)
                }
                ClientError::Refused { code, text } => {
                    advice::refused_enrolment(code, &text, keys.token.is_some())
                }
                error => error.into(),
            });
        }
    };
    store_ca_address(&args.out, &ca)?;
    pending.keep(&identity)?;
    identity.check_time(clock::now()?).inspect_err(|_| {
        output::say(format_args!("the CA has issued the certificate; key and certificate are kept in {out}"));
    })?;
    report(&args.out, &identity, "certified", args.json)?;
    twin(args, &identity).await
}

/// Gets the X.509 twin of `identity`, if it is asked for.
async fn twin(args: Args, identity: &Identity) -> Result<(), CliError> {
    if !args.x509 {
        return Ok(());
    }
    let tap = trace_tap(args.trace, args.subject.to_string(), "CA");
    let contact = CaContact { tap, ..CaContact::new(args.ca) };
    fetch::keep(identity, &contact, &args.out).await
}

/// Refuses an identity about which the CA has stated that its certificate is revoked.
fn check_status(identity: &Identity, folder: &Path) -> Result<(), CliError> {
    let Some(CertStatus::Revoked(revocation)) = identity.stored_status(folder) else { return Ok(()) };
    let Revocation { reason, revoked_at, .. } = revocation;
    let (subject, folder) = (identity.subject_id(), folder.display());
    if reason == RevocationReason::CertificateHold {
        output::say(format_args!("the certificate of {subject} in {folder} is on hold since {revoked_at}"));
        return Ok(());
    }
    let seen =
        format!("the certificate of {subject} in {folder} is revoked since {revoked_at} (reason: {reason})");
    let next = "enrol into another folder, which makes a new key: the same command with another --out";
    Err(CliError::new(Exit::NotVerified, seen, next))
}

impl Pinned {
    fn anchor(&self) -> Result<Anchor, CliError> {
        match (&self.fingerprint, &self.anchor) {
            (Some(fingerprint), _) => Ok(Anchor::from_fingerprint(*fingerprint)),
            (None, Some(file)) => Ok(read_anchor(file)?),
            // clap requires one of them.
            (None, None) => {
                Err(CliError::new(Exit::Usage, "no CA is pinned", "give --fingerprint or --anchor"))
            }
        }
    }
}

/// Shows the identity. `what` is the participle of the message, for example "certified".
fn report(out: &Path, identity: &Identity, what: &str, as_json: bool) -> Result<(), CliError> {
    let certificate =
        Certificate::parse(identity.certificate()).map_err(|error| advice::certificate(&error))?;
    let (subject, issuer) = (certificate.subject_id(), certificate.issuer_id());
    let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
    if as_json {
        output::json(&json!({
            "identity": out.to_string_lossy(),
            "issuer_id": issuer.as_str(),
            "not_after": until.to_string(),
            "serial_number": serial.to_u64(),
            "subject_id": subject.as_str(),
        }))?;
    }
    let shell = quoted(out);
    let out = out.display();
    output::say(format_args!(
        "{subject} is {what} by {issuer}: serial {serial},\n\
         valid until {until}; key and certificate are in {out}.\n\
         Next, wait for a peer, or connect to one:\n  minipki listen --identity {shell}\n  \
         minipki connect --identity {shell} --peer 127.0.0.1:9101"
    ));
    Ok(())
}
