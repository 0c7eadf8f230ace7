//! Every capacity of the core, with assertions that relate them.
//!
//! Lengths are in bytes. The caller lends the buffers, and their length is the limit of a message. Every
//! valid message fits the lengths here.

/// Length prefix of a frame (protocol §1).
pub const FRAME_HEADER: usize = 4;

/// Default limit of a frame's body (protocol §1).
pub const FRAME_BODY: usize = 5120;

/// A whole frame: the length of a receive buffer or a send buffer.
pub const FRAME: usize = FRAME_HEADER + FRAME_BODY;

/// Longest `subject_id` or `issuer_id` (protocol §2).
pub const ID: usize = 64;

/// Largest RSA modulus and signature: 4096 bits.
pub const RSA_BYTES: usize = 512;

/// Room for the SubjectPublicKeyInfo of a 4096-bit RSA key in DER (550 bytes, RFC 5280 §4.1.2.7).
pub const SPKI_DER: usize = 552;

/// Room for that SubjectPublicKeyInfo as PEM text, 64 characters a line (RFC 7468).
pub const SPKI_PEM: usize = 800;

/// Room for a canonical certificate with the largest key and the longest names.
pub const CERTIFICATE: usize = 2240;

/// Room for a signed status with the largest signature, the longest name and a nonce.
pub const STATUS: usize = 1216;

/// Room for a certificate and its status, as a peer shows them in a handshake (protocol §7, stapling).
pub const STAPLED: usize = CERTIFICATE + STATUS + 32;

/// Former keys of a CA that an anchor keeps.
pub const FORMER_KEYS: usize = 4;

/// Room for `anchor.json` with the largest key, the longest name and all former keys.
pub const ANCHOR: usize = 1280 + FORMER_KEYS * 128 + 32;

/// Room for an anchor update with the largest keys and the longest name.
pub const ANCHOR_UPDATE: usize = 2112;

/// Length of a time, `YYYY-MM-DDTHH:MM:SS+00:00` (protocol §2).
pub const TIME: usize = 25;

/// Depth of nested JSON objects: a certificate within a response or a handshake payload has three, and one is spare.
pub const JSON_DEPTH: usize = 4;

/// Keys of all open JSON objects: a status within a response has 14.
pub const JSON_KEYS: usize = 24;

/// X25519 keys and shared secrets, SHA-256 digests and nonces.
pub const KEY: usize = 32;

/// ChaCha20-Poly1305 nonce (RFC 8439).
pub const NONCE: usize = 12;

/// Poly1305 tag (RFC 8439).
pub const TAG: usize = 16;

/// Longest Noise message (Noise rev 34 §3).
pub const NOISE_MESSAGE: usize = 65535;

/// Noise message 2 around the largest certificate and its status: `e`, encrypted `s`, payload, tag.
const NOISE_MESSAGE_2: usize = KEY + KEY + TAG + STAPLED + TAG;

// A handshake message with the largest certificate and its status travels in one frame, as base64 within JSON.
const _: () = assert!(NOISE_MESSAGE_2.div_ceil(3) * 4 + 64 <= FRAME_BODY);

// A client that has missed two changes of the CA's key follows both with one response.
const _: () = assert!(2 * ANCHOR_UPDATE + 64 <= FRAME_BODY);

// The response that issues a certificate is the certificate with a few bytes around it.
const _: () = assert!(CERTIFICATE + 64 <= FRAME_BODY);

/// Room for the X.509 twin of a certificate, in DER.
pub const X509_TWIN: usize = 3072;

// The response with a twin has its base64 text.
const _: () = assert!(X509_TWIN.div_ceil(3) * 4 + 64 <= FRAME_BODY);

/// Extensions of an X.509 certificate.
pub const X509_EXTENSIONS: usize = 48;

/// Attributes of one relative distinguished name of X.509.
pub const X509_RDN: usize = 8;

/// Certificates of a path of X.509, the trust anchor not counted.
pub const X509_PATH: usize = 10;

/// Policies of each kind at one step of a path of X.509: those that a certificate asserts, and those of the result.
pub const X509_POLICIES: usize = 32;
