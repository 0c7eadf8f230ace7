//! `minipki inspect`: explains the fields of a file.

use std::path::PathBuf;

use minipki_core::cert::{Anchor, Certificate, Status};
use minipki_core::crypto::{KeyPair, Portable, rsa};
use minipki_core::encoding::json::{self as profile, Form};
use minipki_core::encoding::pem;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::passphrase_args::PassphraseArgs;
use super::{CliError, Exit, output};
use minipki_net::trace::explain::{self, Line};
use minipki_net::trace::printer;
use minipki_passphrase::{encryption, is_encrypted};

/// The maximum number of bytes that are read of a file: a list of half a million revoked certificates is shorter.
const FILE: u64 = 64 * 1024 * 1024;

/// Explain a certificate, a status, a list, an anchor, a key or a message, field by field
///
/// This does not verify the file: use `minipki verify`. Private keys are never shown. Other files are not shown either,
/// since they may hold a secret.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki inspect alice/certificate.json
  minipki inspect alice/status.json")]
pub(super) struct Args {
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The file
    file: PathBuf,
}

/// The content of a file, in lines for the user.
struct Inspected {
    name: &'static str,
    purpose: &'static str,
    lines: Vec<Line>,
    /// The reason why the content is not valid.
    error: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let mut content = output::read_up_to(&args.file, FILE)?;
    if is_encrypted(&content)
        && let Some(passphrase) = args.passphrase.given()?
    {
        content = minipki_passphrase::open(content, Some(&passphrase))
            .map_err(|error| CliError::from_diagnostic(Exit::Failed, error).with(args.file.display()))?;
    }
    let found = if content.starts_with(b"-----BEGIN ") { key(&content) } else { message(&content) };
    let Some(inspected) = found else {
        return Err(CliError::new(
            Exit::Failed,
            format_args!(
                "{} is not a file of MiniPKI: its {} bytes may be a secret and are not shown",
                args.file.display(),
                content.len()
            ),
            "give a certificate, a status, a list, an anchor, a PEM key or a message of the protocol",
        ));
    };
    if args.json {
        print_json(&inspected)?;
    } else {
        print(&inspected)?;
    }
    match inspected.error {
        None => Ok(()),
        Some(error) => Err(CliError::new(
            Exit::NotVerified,
            format_args!("{} is malformed: {error}", args.file.display()),
            "the file was damaged or changed; get it again from its source",
        )),
    }
}

fn message(content: &[u8]) -> Option<Inspected> {
    let body: Map<String, Value> = serde_json::from_slice(content).ok()?;
    let known = explain::explanation(&body)?;
    let error = match known.name {
        "certificate" => Certificate::parse(content).err().map(|error| error.to_string()),
        "anchor" => <Anchor>::decode(Portable::new(), content).err().map(|error| error.to_string()),
        "certificate_status" => Status::parse(content).err().map(|error| error.to_string()),
        "revocation_list" => profile::check(content, Form::Canonical).err().map(|error| error.to_string()),
        _ => None,
    };
    let mut lines = known.lines(&body);
    for line in lines.iter_mut().filter(|line| line.why == explain::FOREIGN) {
        line.value = "not shown: it may be a secret".to_owned();
    }
    Some(Inspected { name: known.name, purpose: known.purpose, lines, error })
}

fn key(content: &[u8]) -> Option<Inspected> {
    if is_encrypted(content) {
        return Some(encrypted_key(content));
    }
    if let Ok(pair) = KeyPair::from_pkcs8_pem(Portable::new(), content) {
        return Some(Inspected {
            name: "X25519 private key",
            purpose: "PKCS#8 (RFC 8410); secret",
            lines: vec![
                line("private key", "32 bytes, never shown", "its holder is the subject of the certificate"),
                line(
                    "public key",
                    &explain::hex(pair.public().as_bytes()),
                    "computed from the private key; the certificate contains it",
                ),
            ],
            error: None,
        });
    }
    if let Ok(public) = <rsa::PublicKey>::from_spki_pem(content) {
        return Some(rsa_key(
            "RSA public key",
            "SubjectPublicKeyInfo (RFC 5280 4.1.2.7); public",
            &public,
            None,
        ));
    }
    let mut der = Zeroizing::new(vec![0; content.len()]);
    let der = pem::decode("PRIVATE KEY", content, &mut der).ok()?;
    let private = <rsa::PrivateKey>::from_pkcs8_der(der).ok()?;
    let secret = line("private key", "never shown", "its holder can issue certificates of this CA");
    Some(rsa_key("RSA private key", "PKCS#8 (RFC 5958); secret", private.public(), Some(secret)))
}

fn encrypted_key(content: &[u8]) -> Inspected {
    let (encryption, error) = match encryption(content) {
        Ok(encryption) => (encryption, None),
        Err(error) => ("not known".to_owned(), Some(error.to_string())),
    };
    let lines = vec![
        line("encryption", &encryption, "PBES2 (RFC 8018): only the passphrase opens the key"),
        line("private key", "never shown", "with --passphrase-file its public part is shown"),
    ];
    Inspected { name: "encrypted private key", purpose: "PKCS#8 (RFC 5958 3); secret", lines, error }
}

fn rsa_key(
    name: &'static str,
    purpose: &'static str,
    key: &rsa::PublicKey,
    secret: Option<Line>,
) -> Inspected {
    let size = key.size().bits();
    let mut lines = vec![
        line("modulus", &format!("{size} bits"), "the product of two secret primes"),
        line("exponent", "65537", "public; small, so that verification is fast"),
        line("fingerprint_sha256", &key.fingerprint(Portable::new()).to_string(), "clients pin this value"),
    ];
    lines.extend(secret);
    Inspected { name, purpose, lines, error: None }
}

fn line(name: &str, value: &str, why: &'static str) -> Line {
    Line { depth: 0, name: name.to_owned(), value: value.to_owned(), why }
}

fn print(inspected: &Inspected) -> Result<(), CliError> {
    output::data(|out| {
        writeln!(out, "{}: {}", inspected.name, inspected.purpose)?;
        write!(out, "{}", printer::table(&inspected.lines))
    })
}

fn print_json(inspected: &Inspected) -> Result<(), CliError> {
    let fields: Vec<_> = inspected
        .lines
        .iter()
        .map(|line| json!({ "depth": line.depth, "name": line.name, "value": line.value, "why": line.why }))
        .collect();
    output::json(&json!({
        "fault": inspected.error,
        "fields": fields,
        "kind": inspected.name,
        "purpose": inspected.purpose,
    }))
}
