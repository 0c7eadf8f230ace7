//! The JSON object of a certificate, as it is read.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object<'a> {
    pub(super) ca_signature_b64: &'a str,
    pub(super) issuer_id: &'a str,
    pub(super) issuer_public_key_pem_b64: &'a str,
    pub(super) serial_number: u64,
    pub(super) subject_id: &'a str,
    #[serde(borrow)]
    pub(super) subject_public_key_info: SubjectPublicKeyInfo<'a>,
    #[serde(borrow)]
    pub(super) validity: Validity<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectPublicKeyInfo<'a> {
    pub(super) algorithm_id: &'a str,
    pub(super) public_key_value_b64: &'a str,
}

/// Texts, so that a malformed time gets an error of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Validity<'a> {
    pub(super) not_after: &'a str,
    pub(super) not_before: &'a str,
}

/// The one `algorithm_id`.
pub(super) const X25519: &str = "X25519";
