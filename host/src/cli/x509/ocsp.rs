//! The fields of an OCSP response (RFC 6960 §4.2), each with its reason.

use minipki_core::encoding::der::DerError;
use minipki_core::x509::Certificate;
use minipki_core::x509::ocsp::{
    CertId, CertIdHash, OcspCertStatus, OcspResponse, ResponderId, SingleResponse,
};
use minipki_net::trace::explain::{hex, hex_bytes};

use super::algorithm;
use super::fields::Lines;
use super::names::distinguished;

/// The number of answers that are shown.
const SHOWN: usize = 10;

/// Adds all fields of an OCSP response.
///
/// # Errors
/// The first error of the encoding.
pub(super) fn response(der: &[u8], lines: &mut Lines) -> Result<(), DerError> {
    let response = OcspResponse::parse(der)?;
    let why = "whether there is an answer; this field is not signed (RFC 6960 4.2.1)";
    lines.add("responseStatus", response.status().name(), why);
    let Some(basic) = response.basic() else { return Ok(()) };
    let responder = match basic.responder() {
        ResponderId::Name(name) => distinguished(name),
        ResponderId::Key(hash) => format!("the key with the SHA-1 digest {}", hex(hash)),
    };
    lines.add("responderID", responder, "the signer of the answers (RFC 6960 4.2.2.2)");
    let why = "the time of the signature (RFC 6960 4.2.2.1)";
    lines.add("producedAt", basic.produced_at().to_string(), why);
    let count = basic.responses().count();
    lines.add(
        "responses",
        count.to_string(),
        "one answer for each certificate of the request (RFC 6960 4.2.1)",
    );
    lines.within(|lines| {
        for answer in basic.responses().take(SHOWN) {
            single(&answer, lines);
        }
        if count > SHOWN {
            lines.add("others", (count - SHOWN).to_string(), "not shown here: the file has all answers");
        }
    });
    if let Some(nonce) = basic.nonce() {
        let why = "the random bytes of the request, so that no earlier response is accepted (RFC 9654)";
        lines.add("nonce", hex(nonce), why);
    }
    let signed = basic.signed();
    let why = "the algorithm of the signature (RFC 6960 4.2.1)";
    lines.add("signatureAlgorithm", algorithm::signature(signed.algorithm), why);
    let why = "the signature of the responder over the fields above; not verified here (RFC 6960 4.2.1)";
    lines.add("signature", hex_bytes(signed.signature), why);
    for der in basic.certificates() {
        let subject = Certificate::parse(der).map(|certificate| distinguished(certificate.subject()));
        let why = "the certificate of the responder, if the CA has given this work to another key (RFC 6960 4.2.2.2)";
        lines.add("certificate", subject.unwrap_or_else(|error| format!("malformed: {error}")), why);
    }
    Ok(())
}

/// Adds the answer about one certificate.
fn single(answer: &SingleResponse<'_>, lines: &mut Lines) {
    let CertId { hash, issuer_name, issuer_key, serial } = answer.id;
    let status = match answer.status {
        OcspCertStatus::Good => "good".to_owned(),
        OcspCertStatus::Unknown => "unknown".to_owned(),
        OcspCertStatus::Revoked { revoked_at, reason } => {
            let reason = reason.map(|reason| format!(", reason {reason}")).unwrap_or_default();
            format!("revoked at {revoked_at}{reason}")
        }
    };
    let why = "the serial number of the certificate, and its status (RFC 6960 4.2.1)";
    lines.add(hex(serial), status, why);
    lines.within(|lines| {
        let hash = match hash {
            Some(CertIdHash::Sha1) => "SHA-1 ",
            Some(CertIdHash::Sha256) => "SHA-256 ",
            None => "",
        };
        let why = "the digest of the issuer's name (RFC 6960 4.1.1)";
        lines.add("issuerNameHash", format!("{hash}{}", hex(issuer_name)), why);
        let why = "the digest of the issuer's key (RFC 6960 4.1.1)";
        lines.add("issuerKeyHash", format!("{hash}{}", hex(issuer_key)), why);
        let why = "the status was known to be right at this time (RFC 6960 4.2.2.1)";
        lines.add("thisUpdate", answer.this_update.to_string(), why);
        let next = answer.next_update.map_or_else(|| "none".to_owned(), |time| time.to_string());
        let why = "a newer answer is there by then; after it this one is not used (RFC 6960 4.2.2.1)";
        lines.add("nextUpdate", next, why);
    });
}
