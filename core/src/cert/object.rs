//! The JSON object of a certificate, for both directions.

use serde::{Deserialize, Serialize};

/// The keys in canonical order. `B` is base64: text when read, bytes when written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object<'a, B> {
    /// Absent from the text that is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ca_signature_b64: Option<B>,
    pub(super) issuer_id: &'a str,
    pub(super) issuer_public_key_pem_b64: B,
    pub(super) serial_number: u64,
    pub(super) subject_id: &'a str,
    pub(super) subject_public_key_info: SubjectPublicKeyInfo<'a, B>,
    #[serde(borrow)]
    pub(super) validity: Validity<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectPublicKeyInfo<'a, B> {
    pub(super) algorithm_id: &'a str,
    pub(super) public_key_value_b64: B,
}

/// Texts, so that a malformed time gets an error of its own.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Validity<'a> {
    pub(super) not_after: &'a str,
    pub(super) not_before: &'a str,
}

/// The one `algorithm_id`.
pub(super) const X25519: &str = "X25519";
