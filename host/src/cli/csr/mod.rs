//! `minipki csr`: makes a key, and the request for its certificate.

mod folder;
mod key;
mod request;

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use super::passphrase_args::PassphraseArgs;
use super::values::{ExpectedName, email, ip, uri};
use super::{CliError, output};
use folder::Folder;
use minipki_os::files;
use request::Subject;

/// Make a private key and a request for an X.509 certificate (PKCS#10)
///
/// The folder gets key.pem, which only you can read, and request.pem, which goes to a CA. Existing files are never
/// overwritten. If the folder has key.pem without request.pem, for example after an interruption, the request is made for
/// that key.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki csr --key-type p256 --subject CN=server --dns www.example.com --out server
  minipki csr --key-type rsa3072 --subject CN=alice,O=Example,C=DE --out alice --encrypt

A TLS client compares the names of --dns and --ip, and not the subject.")]
pub(super) struct Args {
    /// The kind of key
    #[arg(long, value_enum, value_name = "TYPE")]
    key_type: KeyType,
    /// The subject, as CN=NAME,O=ORGANIZATION,C=COUNTRY (RFC 4514), or a common name alone
    #[arg(long, value_name = "NAME", value_parser = request::subject)]
    subject: Subject,
    /// The name of a host; it may begin with *. for all hosts below
    #[arg(long, value_name = "HOST", value_parser = request::dns_or_wildcard)]
    dns: Vec<ExpectedName>,
    /// An IP address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    ip: Vec<ExpectedName>,
    /// An e-mail address
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    email: Vec<ExpectedName>,
    /// A URI
    #[arg(long, value_name = "URI", value_parser = uri)]
    uri: Vec<ExpectedName>,
    /// The folder for key.pem and request.pem; it is made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Encrypt the private key with a passphrase; --passphrase-file and --passphrase-fd do so too
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The kind of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KeyType {
    /// RSA of 2048 bits, which every program reads
    Rsa2048,
    /// RSA of 3072 bits
    Rsa3072,
    /// RSA of 4096 bits
    Rsa4096,
    /// ECDSA on P-256: small and fast, and read by nearly all programs
    P256,
    /// Ed25519, which browsers do not read
    Ed25519,
}

impl KeyType {
    /// The name on the command line.
    const fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
            Self::P256 => "p256",
            Self::Ed25519 => "ed25519",
        }
    }
}

fn address(text: &str) -> Result<ExpectedName, String> {
    ip(text).map(ExpectedName::Ip).ok_or_else(|| "expected an IP address, for example 192.0.2.1".to_owned())
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let folder = Folder::claim(&args.out)?;
    let existing = folder.has_key();
    let passphrase = match args.passphrase.for_key(&folder.key_file())? {
        Some(passphrase) => Some(passphrase),
        None if existing => None,
        None => args.passphrase.for_new(args.encrypt)?,
    };
    let key = output::with_spinner("making the key", || folder.key(args.key_type, passphrase.as_ref()))?;
    let names: Vec<_> = [&args.dns, &args.ip, &args.email, &args.uri].into_iter().flatten().collect();
    let request = request::pem(&key, &args.subject, &names)?;
    let file = folder.write_request(&request)?;
    args.passphrase.warn_if_plain(&folder.key_file(), &encrypt_command(&folder));
    if args.json {
        output::json(&json!({
            "continued": existing,
            "key_file": folder.key_file().to_string_lossy(),
            "key_type": args.key_type.name(),
            "names": names.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "request_file": file.to_string_lossy(),
            "subject": args.subject.to_string(),
        }))?;
    } else {
        output::data(|out| writeln!(out, "{}", file.display()))?;
    }
    let origin = if existing { "the key that was in the folder" } else { "a new key" };
    output::say(format_args!(
        "The request above is for {origin}, {}. Send it to the CA, and keep the key.\n\
         To see its fields:\n  minipki inspect {}",
        folder.key_file().display(),
        files::quoted(&file),
    ));
    if names.is_empty() {
        output::say(
            "It has no --dns, --ip, --email or --uri. TLS clients do not accept a server by its subject.",
        );
    }
    Ok(())
}

/// The command that encrypts the key.
fn encrypt_command(folder: &Folder) -> String {
    let key = folder.key_file();
    format!(
        "openssl pkcs8 -topk8 -in {} -out {}",
        files::quoted(&key),
        files::quoted(&key.with_extension("encrypted.pem"))
    )
}
