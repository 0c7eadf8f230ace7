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
const NONCE: Field =
    field("nonce_b64", Shape::Bytes, "fresh and random: no answer recorded earlier fits this request");
const CONCERNED: Field = field("serial_number", Shape::Number, "the certificate that this is about");
const OK: Field = field("ok", Shape::Flag, "true if the request is granted, false for a refusal");
const REASON: Field = field("reason", Shape::Text, "the reason of the revocation (RFC 5280 5.3.1)");
const REVOKED_AT: Field = field("revoked_at", Shape::Text, "the time of the revocation");
const SIGNATURE: Field =
    field("ca_signature_b64", Shape::Bytes, "RSASSA-PSS of the CA over all other fields (RFC 8017 8.1)");
const ISSUER: Field = field("issuer_id", Shape::Text, "the name of the CA; compared with the pinned anchor");
const ISSUER_KEY: Field =
    field("issuer_key_sha256", Shape::Digest, "SHA-256 of the CA's public key; compared with the anchor's");
const REVOCATION_NUMBER: Field =
    field("number", Shape::Number, "the revocation number of the CA: a lower one is of an earlier time");
const THIS_UPDATE: Field =
    field("this_update", Shape::Text, "the time of the statement; a verifier can limit its age");
const NEXT_UPDATE: Field = field("next_update", Shape::Text, "the statement can be used until this time");
const SIGNED_TYPE: Field =
    field("type", Shape::Text, "the kind of object: the CA signs several kinds with one key");

const CERTIFICATE_FIELDS: &[Field] = &[
    SIGNATURE,
    ISSUER,
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

const STATUS_FIELDS: &[Field] = &[
    SIGNATURE,
    ISSUER,
    ISSUER_KEY,
    NEXT_UPDATE,
    field("nonce_b64", Shape::Bytes, "the nonce of the request: the statement was made after the request"),
    REVOCATION_NUMBER,
    REASON,
    REVOKED_AT,
    CONCERNED,
    field("status", Shape::Text, "good, revoked or unknown; on hold counts as revoked"),
    THIS_UPDATE,
    SIGNED_TYPE,
];

const UPDATE_FIELDS: &[Field] = &[
    SIGNATURE,
    ISSUER,
    field("issuer_public_key_pem_b64", Shape::RsaKey, "the CA's new key"),
    field("not_before", Shape::Text, "the new key signs certificates from this time"),
    field(
        "previous_key_sha256",
        Shape::Digest,
        "SHA-256 of the CA's key before it, which has signed this update",
    ),
    SIGNED_TYPE,
];

const UPDATE: Field =
    field("update", Shape::Object(UPDATE_FIELDS), "leads from one key of the CA to the next");

const FORMER_KEY_FIELDS: &[Field] = &[
    field("fingerprint_sha256", Shape::Digest, "SHA-256 of that public key"),
    field("until", Shape::Text, "the time at which the next key replaced it"),
];

const FORMER_KEY: Field =
    field("key", Shape::Object(FORMER_KEY_FIELDS), "still verifies the certificates that it has signed");

const REVOKED_FIELDS: &[Field] = &[REASON, REVOKED_AT, CONCERNED];

const REVOKED_ENTRY: Field =
    field("entry", Shape::Object(REVOKED_FIELDS), "a certificate that is revoked or on hold");

const EPHEMERAL: Part =
    Part { name: "e", len: Some(32), why: "a fresh public key, in clear: it gives forward secrecy" };
const STATIC: Part =
    Part { name: "s", len: Some(48), why: "the long-term public key, encrypted, with its 16-byte tag" };
const SHOWN_CERTIFICATE: Part = Part {
    name: "payload",
    len: None,
    why: "the sender's certificate, or it and its status, encrypted; 16-byte tag",
};

/// All known messages and files.
pub(super) const ALL: &[Explanation] = &[
    Explanation {
        name: "enroll_request",
        purpose: "asks for a certificate",
        place: Some((1, 4)),
        fields: &[NONCE, ALGORITHM, REQUESTED_KEY, SUBJECT, TYPE],
        next: "the fields are well formed; then makes a key share for this request alone",
    },
    Explanation {
        name: "renew_request",
        purpose: "asks to renew a certificate",
        place: Some((1, 4)),
        fields: &[
            NONCE,
            ALGORITHM,
            field(
                "public_key_value_b64",
                Shape::Bytes,
                "the key to certify now: a new one, or the same again",
            ),
            field("serial_number", Shape::Number, "the current certificate; the proof needs its key, too"),
            SUBJECT,
            TYPE,
        ],
        next: "the fields are well formed; then makes a key share for this request alone",
    },
    Explanation {
        name: "revoke_request",
        purpose: "asks to revoke a certificate",
        place: Some((1, 4)),
        fields: &[
            NONCE,
            REASON,
            field("serial_number", Shape::Number, "the certificate; the proof needs its private key"),
            TYPE,
        ],
        next: "the fields are well formed; then makes a key share for this request alone",
    },
    Explanation {
        name: "status_request",
        purpose: "asks for a certificate's status",
        place: Some((1, 2)),
        fields: &[
            field(
                "nonce_b64",
                Shape::Bytes,
                "the status must have it; without it, an earlier status can come",
            ),
            CONCERNED,
            TYPE,
        ],
        next: "the fields are well formed; anybody can ask, so there is no proof",
    },
    Explanation {
        name: "anchors_request",
        purpose: "asks for the CA's new keys",
        place: Some((1, 2)),
        fields: &[TYPE],
        next: "the fields are well formed; anybody can ask, so there is no proof",
    },
    Explanation {
        name: "x509_request",
        purpose: "asks for an X.509 twin",
        place: Some((1, 2)),
        fields: &[CONCERNED, TYPE],
        next: "the fields are well formed; a certificate is public, so there is no proof",
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
        next: "the proof, then its rules for the name, the token and the certificate",
    },
    Explanation {
        name: "granted",
        purpose: "delivers the certificate",
        place: Some((4, 4)),
        fields: &[
            field("certificate", Shape::Object(CERTIFICATE_FIELDS), "the requested certificate, signed"),
            OK,
        ],
        next: "canonical form, pinned CA, signature, validity, its own name and key",
    },
    Explanation {
        name: "revoked",
        purpose: "confirms the revocation",
        place: Some((4, 4)),
        fields: &[
            OK,
            field("revoked", Shape::Object(REVOKED_FIELDS), "the revocation; not signed, see its status"),
        ],
        next: "the serial number; a signed statement comes with a status request",
    },
    Explanation {
        name: "status",
        purpose: "delivers the status",
        place: Some((2, 2)),
        fields: &[OK, field("status", Shape::Object(STATUS_FIELDS), "the requested status, signed")],
        next: "canonical form, pinned CA, nonce, serial number, signature",
    },
    Explanation {
        name: "anchors",
        purpose: "delivers the CA's new keys",
        place: Some((2, 2)),
        fields: &[
            field("anchors", Shape::List(&UPDATE), "the updates, the oldest first; each is signed"),
            OK,
        ],
        next: "each step from the pinned key: canonical form, issuer, signature",
    },
    Explanation {
        name: "x509",
        purpose: "delivers an X.509 twin",
        place: Some((2, 2)),
        fields: &[OK, field("x509_b64", Shape::Bytes, "the certificate in X.509, in DER (RFC 5280)")],
        next: "strict DER, the CA's signature, and each field against the JSON certificate",
    },
    Explanation {
        name: "refused",
        purpose: "refuses a request",
        place: None,
        fields: &[
            field("code", Shape::Code, "the reason, for programs: never changes"),
            field("error", Shape::Text, "the reason, for people; hides which of two secrets was wrong"),
            OK,
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
        next: "both tags; the certificate under its anchor; its status, key and name",
    },
    Explanation {
        name: "handshake_3",
        purpose: "completes: -> s, se",
        place: Some((3, 3)),
        fields: &[
            field("noise_b64", Shape::Noise(&[STATIC, SHOWN_CERTIFICATE]), "the Noise message (rev 34, 7.5)"),
            TYPE,
        ],
        next: "both tags; the certificate under its anchor; its status, key and name",
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
        name: "certificate_status",
        purpose: "states whether a certificate is revoked; public",
        place: None,
        fields: STATUS_FIELDS,
        next: "canonical form, pinned CA, signature, the certificate, the period",
    },
    Explanation {
        name: "certificate and status",
        purpose: "shows a certificate and its status",
        place: None,
        fields: &[
            field("certificate", Shape::Object(CERTIFICATE_FIELDS), "the certificate of the sender"),
            field("status", Shape::Object(STATUS_FIELDS), "what the CA has stated and signed about it"),
        ],
        next: "the certificate under its anchor, and the status under the same",
    },
    Explanation {
        name: "revocation_list",
        purpose: "lists the revoked certificates of a CA; public",
        place: None,
        fields: &[
            SIGNATURE,
            ISSUER,
            ISSUER_KEY,
            NEXT_UPDATE,
            REVOCATION_NUMBER,
            field(
                "revoked",
                Shape::List(&REVOKED_ENTRY),
                "all revoked certificates, by their serial numbers",
            ),
            THIS_UPDATE,
            SIGNED_TYPE,
        ],
        next: "canonical form, pinned CA, signature, ascending serial numbers",
    },
    Explanation {
        name: "anchor_update",
        purpose: "names the new key of a CA; public",
        place: None,
        fields: UPDATE_FIELDS,
        next: "canonical form, pinned CA, signature by the pinned key",
    },
    Explanation {
        name: "CA address",
        purpose: "tells the client where its CA is; public",
        place: None,
        fields: &[field("address", Shape::Text, "the CA's host and port; trust does not depend on it")],
        next: "the answers of this CA under the anchor",
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
            field("former_keys", Shape::List(&FORMER_KEY), "the keys that the CA has replaced"),
            field("issuer_id", Shape::Text, "the issuer name in this CA's certificates"),
            field("issuer_public_key_pem_b64", Shape::RsaKey, "the key that verifies this CA's signatures"),
        ],
        next: "the fingerprint is that of the key",
    },
];
