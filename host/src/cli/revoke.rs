//! `minipki revoke`: has the CA revoke the certificate of an identity.

use minipki_core::trust::RevocationReason;
use minipki_core::wire::Code;
use serde_json::json;

use super::ca_contact::CaArgs;
use super::confirm::ConfirmArgs;
use super::passphrase_args::IdentityArgs;
use super::{CliError, Exit, output};
use minipki_client::{ClientError, Identity, revoke};

/// Revoke the certificate of an identity, so that nobody trusts it any more
///
/// The identity proves that it holds the key. A revocation is final. Only a hold (certificate_hold) can end: the CA's
/// operator removes it. After key_compromise the CA does not certify the key again. The name is free then: unless the
/// CA demands tokens, the next requester gets it. A repeated command gets the first answer again.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  minipki revoke --identity alice --reason key_compromise")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) identity: IdentityArgs,
    /// The reason: unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation,
    /// certificate_hold or privilege_withdrawn
    #[arg(long, value_name = "REASON", default_value = "unspecified", value_parser = reason)]
    reason: RevocationReason,
    #[command(flatten)]
    confirmation: ConfirmArgs,
    #[command(flatten)]
    ca: CaArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, identity: Identity) -> Result<(), CliError> {
    let contact = args.ca.contact(Some(&args.identity.folder))?;
    let (subject, serial) = (identity.subject_id(), identity.serial_number());
    let consequence = match args.reason {
        RevocationReason::CertificateHold => "Only the CA's operator can remove this hold",
        _ => "Nobody can undo this revocation",
    };
    args.confirmation.ask(&format!("{consequence}: certificate {serial} of {subject}."))?;
    let revocation = revoke(&contact, &identity, args.reason).await.map_err(|error| match error {
        ClientError::Refused { code: Code::NotAllowed, .. } => CliError::new(
            Exit::Refused,
            "refused (not_allowed): the certificate is on hold, and only an operator can end the hold",
            "tell the CA's operator the reason: minipki ca revoke --serial N",
        ),
        error => error.into(),
    })?;
    // Peers do not get the earlier status any more.
    let _ = identity.clone().refresh_status(&contact, &args.identity.folder).await;
    if args.json {
        output::json(&json!({
            "reason": revocation.reason.name(),
            "revoked_at": revocation.revoked_at.to_string(),
            "serial_number": serial.to_u64(),
            "subject_id": subject.as_str(),
        }))?;
    }
    let state = match revocation.reason {
        RevocationReason::CertificateHold => "on hold",
        _ => "revoked",
    };
    output::say(format_args!(
        "the certificate {serial} of {subject} is {state} since {} (reason: {})",
        revocation.revoked_at, revocation.reason
    ));
    Ok(())
}

/// Parses a reason. A hyphen counts as an underscore.
pub(super) fn reason(text: &str) -> Result<RevocationReason, String> {
    let reasons = || RevocationReason::all().filter(|reason| *reason != RevocationReason::RemoveFromHold);
    let name = text.replace('-', "_");
    reasons().find(|reason| reason.name() == name).ok_or_else(|| {
        let names: Vec<_> = reasons().map(RevocationReason::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}
