//! The one table: each message and file of MiniPKI, its fields, and the reason for each.
//!
//! The order of fields is the canonical one, in which they travel (protocol §2).

use super::explain::{Explanation, Field, Part, Shape};

const fn field(name: &'static str, shape: Shape, why: &'static str) -> Field {
    Field { name, shape, why }
}

const TYPE: Field = field("type", Shape::Text, "says which message this is: one port serves several");
const ALGORITHM: Field = field("public_key_algo", Shape::Text, "the kind of key to be certified (RFC 7748)");
const REQUESTED_KEY: Field =
    field("public_key_value_b64", Shape::Bytes, "the public half; the private half never leaves the client");
const SUBJECT: Field =
    field("subject_id", Shape::Text, "the name that the certificate is to bind to this key");

const CERTIFICATE_FIELDS: &[Field] = &[
    field("ca_signature_b64", Shape::Bytes, "RSASSA-PSS over all the rest (RFC 8017 8.1): the CA vouches"),
    field("issuer_id", Shape::Text, "which CA vouches; compared with the pinned anchor"),
    field(
        "issuer_public_key_pem_b64",
        Shape::RsaKey,
        "the CA's key; proves nothing, trust comes from the anchor",
    ),
    field("serial_number", Shape::Number, "random and never reused: names this certificate in a ledger"),
    field("subject_id", Shape::Text, "who holds the key below"),
    field("subject_public_key_info", Shape::Object(SUBJECT_KEY_FIELDS), "the key that is certified"),
    field(
        "validity",
        Shape::Object(VALIDITY_FIELDS),
        "from when until when, both ends included (RFC 5280 4.1.2.5)",
    ),
];

const SUBJECT_KEY_FIELDS: &[Field] = &[
    field("algorithm_id", Shape::Text, "what the key is for: X25519 agreements (RFC 7748)"),
    field("public_key_value_b64", Shape::Bytes, "the 32-byte public key; Noise must authenticate this one"),
];

const VALIDITY_FIELDS: &[Field] = &[
    field("not_after", Shape::Text, "a stolen key is of use until then at most"),
    field("not_before", Shape::Text, "not valid before this time"),
];

const EPHEMERAL: Part =
    Part { name: "e", len: Some(32), why: "a fresh public key, in clear: forward secrecy comes from it" };
const STATIC: Part =
    Part { name: "s", len: Some(48), why: "the long-term public key, encrypted, with its 16-byte tag" };
const SHOWN_CERTIFICATE: Part =
    Part { name: "payload", len: None, why: "the sender's certificate, encrypted, with its 16-byte tag" };

/// Everything that is known.
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
        purpose: "hands over the certificate",
        place: Some((4, 4)),
        fields: &[
            field("certificate", Shape::Object(CERTIFICATE_FIELDS), "what was asked for, signed"),
            field("ok", Shape::Flag, "a grant; false would be a refusal"),
        ],
        next: "canonical form, pinned CA, signature, validity, its own name and key",
    },
    Explanation {
        name: "refused",
        purpose: "says no",
        place: None,
        fields: &[
            field("code", Shape::Text, "why, for programs: never changes"),
            field("error", Shape::Text, "why, for people; never tells which of two secrets was wrong"),
            field("ok", Shape::Flag, "a refusal"),
        ],
        next: "nothing: it reports the code and what to do about it",
    },
    Explanation {
        name: "classic request",
        purpose: "asks for a certificate, proving nothing",
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
        purpose: "something to say",
        place: None,
        fields: &[field("text", Shape::Text, "what was typed"), TYPE],
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
        purpose: "the CA that is trusted here; public, but nobody else may change it",
        place: None,
        fields: &[
            field(
                "fingerprint_sha256",
                Shape::Digest,
                "SHA-256 of the CA's public key: compare it by another way",
            ),
            field("issuer_id", Shape::Text, "the name that this CA's certificates carry"),
            field(
                "issuer_public_key_pem_b64",
                Shape::RsaKey,
                "the key that this CA's signatures verify under",
            ),
        ],
        next: "the fingerprint is that of the key",
    },
];
