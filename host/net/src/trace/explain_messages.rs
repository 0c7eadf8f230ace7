//! The table of all messages and files of MiniPKI, with their fields in canonical order (protocol §2).

use super::explain::{Explanation, Field, Part, Shape};

const fn field(name: &'static str, shape: Shape, why: &'static str) -> Field {
    Field { name, shape, why }
}

const TYPE: Field = field("type", Shape::Text, "the kind of message: one port serves several kinds");
const ALGORITHM: Field = field("public_key_algo", Shape::Text, "the kind of key to be certified (RFC 7748)");
const REQUESTED_KEY: Field =
    field("public_key_value_b64", Shape::Bytes, "the public half; the private half never leaves the client");
const SUBJECT: Field = field("subject_id", Shape::Text, "the name that the certificate binds to this key");

const CERTIFICATE_FIELDS: &[Field] = &[
    field("ca_signature_b64", Shape::Bytes, "RSASSA-PSS of the CA over all other fields (RFC 8017 8.1)"),
    field("issuer_id", Shape::Text, "the name of the CA; compared with the pinned anchor"),
    field(
        "issuer_public_key_pem_b64",
        Shape::RsaKey,
        "the CA's key; proves nothing: trust comes from the anchor",
    ),
    field("serial_number", Shape::Number, "random and never reused: names this certificate in a ledger"),
    field("subject_id", Shape::Text, "the name of the holder of the key below"),
    field("subject_public_key_info", Shape::Object(SUBJECT_KEY_FIELDS), "the key that is certified"),
    field(
        "validity",
        Shape::Object(VALIDITY_FIELDS),
        "the period of validity, both ends included (RFC 5280 4.1.2.5)",
    ),
];

const SUBJECT_KEY_FIELDS: &[Field] = &[
    field("algorithm_id", Shape::Text, "the use of the key: X25519 key agreement (RFC 7748)"),
    field("public_key_value_b64", Shape::Bytes, "the 32-byte public key; Noise must authenticate this key"),
];

const VALIDITY_FIELDS: &[Field] = &[
    field("not_after", Shape::Text, "not valid after this time; limits the use of a stolen key"),
    field("not_before", Shape::Text, "not valid before this time"),
];

const EPHEMERAL: Part =
    Part { name: "e", len: Some(32), why: "a fresh public key, in clear: it gives forward secrecy" };
const STATIC: Part =
    Part { name: "s", len: Some(48), why: "the long-term public key, encrypted, with its 16-byte tag" };
const SHOWN_CERTIFICATE: Part =
    Part { name: "payload", len: None, why: "the sender's certificate, encrypted, with its 16-byte tag" };

/// All known messages and files.
pub(super) const ALL: &[Explanation] = &[
    Explanation {
        name: "enroll_request",
        purpose: "asks for a certificate",
        place: Some((1, 4)),
        fields: &[
            field(
                "nonce_b64",
                Shape::Bytes,
                "fresh and random: no answer recorded earlier fits this request",
            ),
            ALGORITHM,
            REQUESTED_KEY,
            SUBJECT,
            TYPE,
        ],
        next: "the fields are well formed; then makes a key share for this request alone",
    },
    Explanation {
        name: "enroll_challenge",
        purpose: "asks for a proof of possession",
        place: Some((2, 4)),
        fields: &[
            field("ca_share_b64", Shape::Bytes, "the CA's half of a key agreement, used once (RFC 6955)"),
            field("nonce_b64", Shape::Bytes, "the CA's own randomness: no proof made earlier fits"),
            TYPE,
        ],
        next: "the share gives a shared secret that is not zero; then answers with a proof",
    },
    Explanation {
        name: "enroll_proof",
        purpose: "proves possession (RFC 4211 4.3)",
        place: Some((3, 4)),
        fields: &[
            field(
                "proof_b64",
                Shape::Bytes,
                "HMAC over messages 1, 2 and the pinned CA; needs the private key",
            ),
            TYPE,
        ],
        next: "the proof, then its policy: is the name free, is a token needed",
    },
    Explanation {
        name: "granted",
        purpose: "delivers the certificate",
        place: Some((4, 4)),
        fields: &[
            field("certificate", Shape::Object(CERTIFICATE_FIELDS), "the requested certificate, signed"),
            field("ok", Shape::Flag, "true for a certificate, false for a refusal"),
        ],
        next: "canonical form, pinned CA, signature, validity, its own name and key",
    },
    Explanation {
        name: "refused",
        purpose: "refuses a request",
        place: None,
        fields: &[
            field("code", Shape::Text, "the reason, for programs: never changes"),
            field("error", Shape::Text, "the reason, for people; hides which of two secrets was wrong"),
            field("ok", Shape::Flag, "true for a certificate, false for a refusal"),
        ],
        next: "nothing: it reports the code and the next step",
    },
    Explanation {
        name: "classic request",
        purpose: "asks for a certificate without proof",
        place: Some((1, 2)),
        fields: &[ALGORITHM, REQUESTED_KEY, SUBJECT],
        next: "the fields are well formed, and its policy serves this form (--open)",
    },
    Explanation {
        name: "handshake_1",
        purpose: "opens Noise XX: -> e",
        place: Some((1, 3)),
        fields: &[
            field("noise_b64", Shape::Noise(&[EPHEMERAL]), "the Noise message (Noise rev 34, 7.5)"),
            TYPE,
        ],
        next: "the length: nothing is authenticated yet",
    },
    Explanation {
        name: "handshake_2",
        purpose: "answers: <- e, ee, s, es",
        place: Some((2, 3)),
        fields: &[
            field(
                "noise_b64",
                Shape::Noise(&[EPHEMERAL, STATIC, SHOWN_CERTIFICATE]),
                "the Noise message (rev 34, 7.5)",
            ),
            TYPE,
        ],
        next: "both tags; the certificate under its anchor, naming this key and peer",
    },
    Explanation {
        name: "handshake_3",
        purpose: "completes: -> s, se",
        place: Some((3, 3)),
        fields: &[
            field("noise_b64", Shape::Noise(&[STATIC, SHOWN_CERTIFICATE]), "the Noise message (rev 34, 7.5)"),
            TYPE,
        ],
        next: "both tags; the certificate under its anchor, naming this key and peer",
    },
    Explanation {
        name: "chat",
        purpose: "carries a text",
        place: None,
        fields: &[field("text", Shape::Text, "the typed text"), TYPE],
        next: "the form; then shows the text",
    },
    Explanation {
        name: "certificate",
        purpose: "binds a name to an X25519 key; public",
        place: None,
        fields: CERTIFICATE_FIELDS,
        next: "canonical form, pinned CA, signature, validity",
    },
    Explanation {
        name: "anchor",
        purpose: "the trusted CA; public, but only its owner may change it",
        place: None,
        fields: &[
            field(
                "fingerprint_sha256",
                Shape::Digest,
                "SHA-256 of the CA's public key: compare it over another channel",
            ),
            field("issuer_id", Shape::Text, "the issuer name in this CA's certificates"),
            field("issuer_public_key_pem_b64", Shape::RsaKey, "the key that verifies this CA's signatures"),
        ],
        next: "the fingerprint is that of the key",
    },
];
