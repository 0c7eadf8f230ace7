//! `minipki verify`: verifies a certificate against an anchor.

use std::path::{Path, PathBuf};

use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{
    Check, RevocationCheck, RevocationStatus, StatusError, StatusPolicy, StatusRule, Verified,
};
use serde_json::json;
use zeroize::Zeroizing;

use super::values::time;
use super::{CliError, Exit, advice, output, x509};
use minipki_ca::{RevocationList, RevokedEntry};
use minipki_client::{
    CERTIFICATE_FILE, ExpectedFile, FileKind, OtherKind, STATUS_FILE, in_folder, read_anchor,
};
use minipki_os::{clock, files};
use minipki_provider::HostProvider;

/// Verify a certificate against the trusted CA
#[derive(clap::Args)]
#[command(after_help = "Example:\n  minipki verify --anchor my-ca/anchor.json alice/certificate.json")]
pub(super) struct Args {
    /// The trusted CA: anchor.json, as `minipki ca init` writes it into its folder, or this folder
    #[arg(long, value_name = "FILE")]
    anchor: PathBuf,
    /// The CA's statement about the certificate, as `minipki status` stores it, or the folder with it: it must be good,
    /// and within its period
    #[arg(long, value_name = "FILE")]
    status: Option<PathBuf>,
    /// The CA's list of revoked certificates, as `minipki ca revocations` writes it: the certificate must not be in it
    #[arg(long, value_name = "FILE")]
    revocations: Option<PathBuf>,
    /// Verify for this time in UTC instead of now: 2027-03-01, 2027-03-01T12:00:00Z or now
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<UnixTime>,
    /// Print JSON, also for a refused certificate
    #[arg(long)]
    json: bool,
    /// The certificate, or the folder of its identity; - is standard input
    file: PathBuf,
}

pub(super) fn run(args: &Args, provider: HostProvider) -> Result<(), CliError> {
    let verdict = verdict(args, provider);
    if args.json
        && let Err(error) = &verdict
    {
        output::json(&json!({ "error": error.seen(), "valid": false }))?;
    }
    verdict
}

/// Verifies, and shows a valid certificate.
fn verdict(args: &Args, provider: HostProvider) -> Result<(), CliError> {
    let anchor = read_anchor(&args.anchor)?;
    let (file, text) = read(&args.file, CERTIFICATE_FILE, ExpectedFile::Certificate)?;
    let at = args.at.map_or_else(clock::now, Ok)?;
    let status =
        args.status.as_deref().map(|file| read(file, STATUS_FILE, ExpectedFile::Status)).transpose()?;
    let revocation = match &status {
        None => RevocationCheck::NotChecked,
        Some((_, text)) => {
            let policy = StatusPolicy { rule: StatusRule::Required, ..StatusPolicy::default() };
            RevocationCheck::Status { status: Some(text), policy }
        }
    };
    let verified = Certificate::parse(&text)
        .and_then(|certificate| cert::verify(provider, &anchor, &certificate, Now::Exact(at), revocation));
    // The key that signed the certificate: the anchor's, or a former key of the CA.
    let issuer = verified.as_ref().ok().and_then(|verified| Anchor::of_issuer(provider, verified).ok());
    let list = match (&issuer, &args.revocations) {
        (Some(issuer), Some(file)) => Some(read_list(issuer, file, at)?),
        _ => None,
    };
    let verdict = verified.and_then(|verified| {
        let revoked = list.as_ref().and_then(|list| list.find(verified.certificate().serial_number()));
        match revoked.and_then(RevokedEntry::revocation) {
            Some(revocation) => Err(StatusError::Revoked(revocation).into()),
            None => Ok(verified),
        }
    });
    match &verdict {
        Ok(verified) if args.json => json_verdict(verified, at)?,
        Ok(verified) => {
            let former = issuer.is_some_and(|issuer| issuer.fingerprint() != anchor.fingerprint());
            show(verified, former, list.as_ref(), at)?;
        }
        Err(_) => {}
    }
    verdict.map(drop).map_err(|error| {
        let of_time = matches!(error.check(), Some(Check::NotBefore | Check::NotAfter));
        let refused = if of_time && args.at.is_some() {
            let next = "this is for the time of --at; without --at, the certificate is verified for now";
            CliError::new(Exit::NotVerified, error, next)
        } else {
            advice::certificate(&error)
        };
        refused.with(output::name(&file))
    })
}

/// Reads the `expected` file `path`, or the file `name` in this folder.
fn read(path: &Path, name: &str, expected: ExpectedFile) -> Result<(PathBuf, Zeroizing<Vec<u8>>), CliError> {
    let file = in_folder(path, name);
    let text = output::read(&file)?;
    check_kind(&file, &text, expected)?;
    Ok((file, text))
}

/// Refuses a file of another kind.
fn check_kind(file: &Path, content: &[u8], expected: ExpectedFile) -> Result<(), CliError> {
    if expected == ExpectedFile::Certificate && x509::is_x509(content) {
        let seen = "it is X.509, and not a certificate of MiniPKI";
        let next = format!("minipki x509 verify {} --trust FILE", files::quoted(file));
        return Err(CliError::new(Exit::NotVerified, seen, next).with(output::name(file)));
    }
    OtherKind::check(file, FileKind::of(content), expected)
        .map_err(|error| CliError::from_diagnostic(Exit::NotVerified, error))
}

/// Reads a list of revoked certificates, and verifies it for the time `at`.
fn read_list(anchor: &Anchor, file: &Path, at: UnixTime) -> Result<RevocationList, CliError> {
    let text = output::read_list(file)?;
    check_kind(file, &text, ExpectedFile::List)?;
    let list = RevocationList::verify(anchor, &text)
        .map_err(|error| CliError::from_diagnostic(Exit::NotVerified, error).with(file.display()))?;
    let end = list.next_update.parse::<UnixTime>();
    if end.is_ok_and(|end| at <= end) {
        return Ok(list);
    }
    let seen = format!("the list could be used until {}, and it is {at}", list.next_update);
    let next = "get a new list from the CA's operator: `minipki ca revocations` makes it";
    Err(CliError::new(Exit::NotVerified, seen, next).with(file.display()))
}

fn json_verdict(verified: &Verified<Certificate<'_>>, at: UnixTime) -> Result<(), CliError> {
    let certificate = verified.certificate();
    output::json(&json!({
        "at": at.to_string(),
        "issuer_id": certificate.issuer_id().as_str(),
        "not_after": certificate.validity().not_after().to_string(),
        "serial_number": certificate.serial_number().to_u64(),
        "subject_id": certificate.subject_id().as_str(),
        "valid": true,
    }))
}

fn show(
    verified: &Verified<Certificate<'_>>,
    former: bool,
    list: Option<&RevocationList>,
    at: UnixTime,
) -> Result<(), CliError> {
    let certificate = verified.certificate();
    let key = if former { "a former key of the anchor" } else { "the anchor's key" };
    let revocation = match (verified.revocation(), list) {
        (RevocationStatus::Good { this_update, .. }, _) => {
            format!("not revoked, as the CA stated at {this_update}")
        }
        (_, Some(list)) => format!("not in the list of revoked certificates of {}", list.this_update),
        (RevocationStatus::NotChecked | RevocationStatus::NoStatus(_), None) => "not checked".to_owned(),
    };
    output::data(|out| {
        writeln!(out, "valid at {at}")?;
        writeln!(out, "  subject        {}", certificate.subject_id())?;
        writeln!(out, "  serial number  {}", certificate.serial_number())?;
        writeln!(out, "  valid until    {}", certificate.validity().not_after())?;
        writeln!(out, "  form           canonical, every field well formed")?;
        writeln!(out, "  issuer         {}: the anchor's name, {key}", certificate.issuer_id())?;
        writeln!(out, "  signature      RSASSA-PSS, made with that key")?;
        writeln!(out, "  revocation     {revocation}")
    })
}
