//! `minipki inspect`: explains the fields of a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minipki_core::cert::{Anchor, Certificate, Status};
use minipki_core::crypto::{KeyPair, Portable, rsa};
use minipki_core::encoding::json::{self as profile, Form};
use minipki_core::encoding::pem;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::inspected::Inspected;
use super::passphrase_args::PassphraseArgs;
use super::{CliError, Exit, output, x509};
use minipki_client::FileKind;
use minipki_keys::{ANCHOR_FILE, KEY_FILE, NEXT_KEY_FILE, PUBLIC_KEY_FILE, is_former_key_file};
use minipki_net::trace::explain::{self, Line};
use minipki_passphrase::{encryption, is_encrypted};

/// The files of an identity, of a CA and of a request that are explained, in this order.
const KNOWN: [&str; 9] = [
    "certificate.json",
    "status.json",
    ANCHOR_FILE,
    "ca.json",
    "request.pem",
    minipki_client::KEY_FILE,
    PUBLIC_KEY_FILE,
    KEY_FILE,
    NEXT_KEY_FILE,
];

/// Explain a certificate, a status, a list, an anchor, a key or a message, field by field
///
/// Certificates may be those of MiniPKI in JSON, or X.509 in PEM or DER, also several in one file. This does not verify the
/// file: use `minipki verify` or `minipki x509 verify`. Private keys are never shown. Other files are not shown either, since
/// they may hold a secret. Of the folder of an identity, of a CA or of a request, each known file is explained.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki inspect alice/certificate.json
  minipki inspect alice/status.json
  minipki inspect alice
  minipki inspect fullchain.pem
  minipki inspect -")]
pub(super) struct Args {
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The file, or the folder of an identity, a CA or a request; - is standard input
    file: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    if args.file.is_dir() {
        return folder(args);
    }
    let inspected = read(args, &args.file);
    match &inspected {
        Ok(inspected) if args.json => output::json(&inspected.object())?,
        Ok(inspected) => inspected.print()?,
        Err(error) if args.json => output::json(&unexplained(error))?,
        Err(_) => {}
    }
    inspected?.checked(&args.file)
}

/// Explains each known file of a folder.
fn folder(args: &Args) -> Result<(), CliError> {
    let failed = |error| CliError::file(&args.file, &error);
    let entries = fs::read_dir(&args.file).map_err(failed)?;
    let entries = entries.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    // A pipe would be read for ever.
    let files = entries.iter().filter(|entry| entry.path().is_file());
    let names: Vec<_> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let former = names.iter().map(String::as_str).filter(|name| is_former_key_file(name));
    let known = KNOWN.into_iter().filter(|known| names.iter().any(|name| name == known)).chain(former);
    let found: Vec<_> = known
        .map(|name| args.file.join(name))
        .map(|file| {
            let inspected = read(args, &file);
            (file, inspected)
        })
        .collect();
    if args.json {
        let files: Vec<_> = found
            .iter()
            .map(|(file, inspected)| {
                let mut object = inspected.as_ref().map_or_else(unexplained, Inspected::object);
                object["file"] = file.to_string_lossy().into();
                object
            })
            .collect();
        output::json(&json!({ "files": files, "folder": args.file.to_string_lossy() }))?;
    }
    if found.is_empty() {
        return Err(CliError::new(
            Exit::Failed,
            format_args!("{} is not the folder of an identity, a CA or a request", args.file.display()),
            "give the folder that `minipki enroll`, `minipki ca init` or `minipki csr` made, or one file",
        ));
    }
    if !args.json {
        let explained = found.iter().filter_map(|(file, inspected)| Some((file, inspected.as_ref().ok()?)));
        for (place, (file, inspected)) in explained.enumerate() {
            let gap = if place == 0 { "" } else { "\n" };
            output::data(|out| writeln!(out, "{gap}{}", file.display()))?;
            inspected.print()?;
        }
    }
    found.into_iter().try_for_each(|(file, inspected)| inspected?.checked(&file))
}

fn read(args: &Args, file: &Path) -> Result<Inspected, CliError> {
    let mut content = output::read_list(file)?;
    if is_encrypted(&content)
        && let Some(passphrase) = args.passphrase.given()?
    {
        content = minipki_passphrase::open(content, Some(&passphrase))
            .map_err(|error| CliError::from_diagnostic(Exit::Failed, error).with(output::name(file)))?;
    }
    let found = message(&content).or_else(|| key(&content)).or_else(|| x509::inspected(&content));
    found.ok_or_else(|| {
        let (name, kind) = (output::name(file), FileKind::of(&content));
        let seen = match kind {
            FileKind::Key(kind) => format!("{name} has {kind}, which MiniPKI does not use"),
            kind => format!(
                "{name} has {kind}, which is not explained: its {} bytes may be a secret and are not shown",
                content.len()
            ),
        };
        let next = match kind {
            FileKind::Ledger => "list the certificates of a CA with `minipki ca list --dir DIR`",
            FileKind::Archive => "restore the backup of a CA with `minipki ca restore --from FILE --dir DIR`",
            _ => {
                "give a certificate (JSON or X.509), a certificate request, a status, a list, an anchor, a PEM key or \
                 a message of the protocol"
            }
        };
        CliError::new(Exit::Failed, seen, next)
    })
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
    let Ok(private) = <rsa::PrivateKey>::from_pkcs8_der(der) else {
        let algorithm = x509::private_key_algorithm(der)?;
        let lines = vec![
            line("algorithm", &algorithm, "the kind of the key"),
            line("private key", "never shown", "its holder is the subject of the certificate"),
        ];
        return Some(Inspected {
            name: "private key",
            purpose: "PKCS#8 (RFC 5958); secret",
            lines,
            error: None,
        });
    };
    let secret =
        line("private key", "never shown", "its holder can sign as the CA or the subject that has this key");
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

/// The JSON of a file that is not explained.
fn unexplained(error: &CliError) -> Value {
    json!({ "fault": error.seen(), "fields": [], "kind": "unknown", "purpose": "not known" })
}
