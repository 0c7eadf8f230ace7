//! `minipki ca init`: makes a new CA.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use minipki_core::cert::IdBuf;
use minipki_core::crypto::rsa::KeySize;
use serde_json::json;

use super::super::passphrase_args::PassphraseArgs;
use super::super::{CliError, Exit, output};
use super::csr::{self, NameArgs, REQUEST};
use super::publication_args::PublicationArgs;
use minipki_keys::{CaFolder, KEY_FILE};
use minipki_os::files;
use minipki_server::state::{self, Begun, Created, KeyChoice, await_chain};

/// The name of a CA without another one.
const DEFAULT_NAME: &str = "minipki-ca";

/// Make a new CA: its RSA key and its trust anchor
#[derive(Args)]
#[command(after_help = "Examples:\n  minipki ca init --dir my-ca --issuer-id school-ca --bits 3072\n  \
minipki ca init --dir my-ca --encrypt\n  minipki ca init --dir my-ca --intermediate --organization ACME")]
pub(in crate::cli) struct InitArgs {
    /// The folder to create; existing files are never overwritten, and an interrupted creation is continued
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The CA's name, the issuer of its certificates; without it, minipki-ca, or the name of an unfinished CA
    #[arg(long, value_name = "ID")]
    issuer_id: Option<IdBuf>,
    /// The size of the RSA key in bits; without it, 2048, or the size of an unfinished CA's key
    #[arg(long, value_enum)]
    bits: Option<Bits>,
    /// Make an intermediate: another CA, the parent, signs its X.509 certificate
    ///
    /// The folder gets ca.csr, the request (PKCS#10) for the parent, and `minipki ca install-chain` takes the result. Until then
    /// the CA issues everything except X.509 certificates and lists. `minipki ca csr` prints the request again.
    #[arg(long)]
    intermediate: bool,
    #[command(flatten)]
    name: NameArgs,
    /// Encrypt the private key with a passphrase; --passphrase-file and --passphrase-fd do so too
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    publication: PublicationArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Bits {
    #[value(name = "2048")]
    Bits2048,
    #[value(name = "3072")]
    Bits3072,
    #[value(name = "4096")]
    Bits4096,
}

impl From<Bits> for KeySize {
    fn from(bits: Bits) -> Self {
        match bits {
            Bits::Bits2048 => Self::Bits2048,
            Bits::Bits3072 => Self::Bits3072,
            Bits::Bits4096 => Self::Bits4096,
        }
    }
}

pub(super) fn run(args: InitArgs) -> Result<(), CliError> {
    let started = Instant::now();
    let publication = args.publication.publication()?;
    if !args.intermediate && !args.name.is_empty() {
        let seen = "--organization and --country are for the request of an intermediate";
        let next = "add --intermediate, or give them to `minipki ca certificate` later";
        return Err(CliError::new(Exit::Usage, seen, next));
    }
    let key = args.dir.join(KEY_FILE);
    // After an interrupted creation there is a key already.
    let passphrase = match args.passphrase.for_key(&key)? {
        Some(passphrase) => Some(passphrase),
        None => args.passphrase.for_new(args.encrypt)?,
    };
    let (issuer_id, size) = match state::begun(&args.dir, passphrase.as_ref())? {
        Some(Begun { issuer_id, size }) => (issuer_id, size),
        None => {
            let name = DEFAULT_NAME
                .parse()
                .map_err(|error| CliError::new(Exit::Usage, error, "give --issuer-id ID"))?;
            (name, KeySize::Bits2048)
        }
    };
    let (issuer_id, size) = (args.issuer_id.unwrap_or(issuer_id), args.bits.map_or(size, KeySize::from));
    let choice = if args.intermediate { KeyChoice::Intermediate(size) } else { KeyChoice::Generate(size) };
    let created = output::with_spinner("making the RSA key", || {
        state::create_published(&args.dir, issuer_id, choice, publication.as_ref(), passphrase.as_ref())
    })?;
    let made = format!("made in {:.1?}", started.elapsed());
    args.passphrase.warn_if_plain(&key, &passphrase_command(&args.dir));
    report(&created, &args.dir, size, &made, args.json)?;
    if args.intermediate { write_request(&created.folder, &args.dir, args.name) } else { Ok(()) }
}

/// Writes the request of an intermediate into its folder.
fn write_request(folder: &CaFolder, dir: &Path, name: NameArgs) -> Result<(), CliError> {
    // Also for a CA whose creation began without the option.
    await_chain(folder)?;
    let (file, text) = (dir.join(REQUEST), csr::request(folder, &name.options())?);
    files::replace(&file, &text, files::PUBLIC).map_err(|error| CliError::file(&file, &error))?;
    output::say(format_args!(
        "Its request for the parent is {}. Have the parent sign it as that of a CA, and then:\n  \
         minipki ca install-chain --dir {} FILE",
        file.display(),
        files::quoted(dir),
    ));
    Ok(())
}

/// The command that encrypts the key of the CA in `dir`.
pub(super) fn passphrase_command(dir: &Path) -> String {
    format!("minipki ca passphrase --dir {}", files::quoted(dir))
}

/// Shows a new CA, and the next steps. `made` is the origin of its key.
pub(super) fn report(
    created: &Created,
    dir: &Path,
    size: KeySize,
    made: &str,
    json: bool,
) -> Result<(), CliError> {
    let Created { folder, continued } = created;
    let (issuer_id, fingerprint) = (folder.issuer_id(), folder.fingerprint());
    if json {
        output::json(&json!({
            "anchor_file": folder.anchor_file().to_string_lossy(),
            "bits": size.bits(),
            "fingerprint_sha256": fingerprint.to_string(),
            "issuer_id": issuer_id.as_str(),
        }))?;
    } else {
        output::data(|out| writeln!(out, "{fingerprint}"))?;
    }
    let made = if *continued {
        "which existed already: an earlier creation was interrupted, or anchor.json was lost"
    } else {
        made
    };
    output::say(format_args!(
        "The CA {issuer_id} has an RSA-{} key, {made}. Its fingerprint is above.\n\
         Next, serve it:\n  minipki ca serve --dir {}\n\
         and enrol a client, from another terminal:\n  \
         minipki enroll --ca 127.0.0.1:9000 --subject alice --anchor {} --out alice",
        size.bits(),
        files::quoted(dir),
        files::quoted(&folder.anchor_file()),
    ));
    Ok(())
}
