//! The secret values behind a proof of possession (`--trace-secrets`). Their keys end with the demo.

use minipki_core::encoding::base64::Encoded;

use super::super::CliError;
use super::bug;
use super::report::Report;
use minipki_client::Identity;
use minipki_lab::{ProofValues, Step};
use minipki_net::trace::explain::hex;

/// Writes H, F, K and the proof of the enrolment of `name`.
pub(super) fn show(
    report: &mut Report,
    name: &str,
    identity: &Identity,
    steps: &[Step],
) -> Result<(), CliError> {
    let values = ProofValues::of(identity, steps);
    let ProofValues { transcript, pinned, key, proof } =
        values.ok_or_else(|| bug("the proof is not the one of the protocol"))?;
    report.line(&format!("The secret values behind the proof of {name}. Only a demo shows them:"))?;
    for (value, what, text) in [
        ("H", "SHA-256 of messages 1 and 2, each with its length", hex(&transcript)),
        ("F", "the fingerprint of the CA that the client has pinned", hex(&pinned.0)),
        ("K", "the key of the proof; only the client and the CA can compute it", hex(key.expose())),
        ("P", "the proof, as in message 3: HMAC-SHA256(K, label, H, F)", Encoded(proof.expose()).to_string()),
    ] {
        report.line(&format!("  {value}  {what}"))?;
        report.line(&format!("     {text}"))?;
    }
    report.line("")
}
