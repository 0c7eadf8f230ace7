//! The messages of enrolment and renewal, without the responses (protocol §4, §7).

use serde::Serialize;

use super::{WireError, expect, integer, key, public_key};
use crate::bytes::BufferTooSmall;
use crate::cert::Id;
use crate::crypto::x25519::PublicKey;
use crate::encoding::base64::Encoded;
use crate::encoding::json::{self, Form, Reader};
use crate::limits::KEY;
use crate::trust::Serial;

/// The only `public_key_algo`.
pub(super) const ALGORITHM: &str = "X25519";

pub(super) const REQUEST: &str = "enroll_request";
pub(super) const RENEW: &str = "renew_request";
pub(super) const PROOF: &str = "enroll_proof";
const CHALLENGE: &str = "enroll_challenge";

/// A request for a certificate. With a nonce it is the first message of the proven form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The subject to be certified.
    pub subject_id: Id<'a>,
    /// The X25519 key to be certified.
    pub subject_key: PublicKey,
    /// 32 fresh random bytes; `None` is the classic form.
    pub nonce: Option<[u8; KEY]>,
}

/// A request for a certificate that renews the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewRequest<'a> {
    /// The subject of the current certificate.
    pub subject_id: Id<'a>,
    /// The X25519 key to be certified. It may be the current key.
    pub subject_key: PublicKey,
    /// The serial number of the current certificate.
    pub serial_number: Serial,
    /// 32 fresh random bytes.
    pub nonce: [u8; KEY],
}

/// The CA's fresh share and nonce, on which the proof depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// A fresh X25519 public key.
    pub ca_share: PublicKey,
    /// 32 fresh random bytes.
    pub nonce: [u8; KEY],
}

/// The proof that the client holds the private key, and another secret that the request needs: the token, the current
/// key, or the key of the certificate to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// HMAC-SHA-256 as protocol §4 and §7 define it.
    pub proof: [u8; KEY],
}

// The messages as they are written, with their keys in canonical order.

#[derive(Serialize)]
struct RequestObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce_b64: Option<Encoded<'a>>,
    public_key_algo: &'a str,
    public_key_value_b64: Encoded<'a>,
    subject_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
}

#[derive(Serialize)]
struct RenewObject<'a> {
    nonce_b64: Encoded<'a>,
    public_key_algo: &'a str,
    public_key_value_b64: Encoded<'a>,
    serial_number: u64,
    subject_id: &'a str,
    r#type: &'a str,
}

#[derive(Serialize)]
struct ChallengeObject<'a> {
    ca_share_b64: Encoded<'a>,
    nonce_b64: Encoded<'a>,
    r#type: &'a str,
}

#[derive(Serialize)]
struct ProofObject<'a> {
    proof_b64: Encoded<'a>,
    r#type: &'a str,
}

impl Request<'_> {
    /// Writes the message's body; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let object = RequestObject {
            nonce_b64: self.nonce.as_ref().map(|nonce| Encoded(nonce)),
            public_key_algo: ALGORITHM,
            public_key_value_b64: Encoded(self.subject_key.as_bytes()),
            subject_id: self.subject_id.as_str(),
            r#type: self.nonce.map(|_| REQUEST),
        };
        json::encode(&object, out)
    }
}

impl RenewRequest<'_> {
    /// Writes the message's body; returns its length in bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`], also for a serial number above 2^53-1.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let object = RenewObject {
            nonce_b64: Encoded(&self.nonce),
            public_key_algo: ALGORITHM,
            public_key_value_b64: Encoded(self.subject_key.as_bytes()),
            serial_number: integer(self.serial_number)?,
            subject_id: self.subject_id.as_str(),
            r#type: RENEW,
        };
        json::encode(&object, out)
    }
}

impl Challenge {
    /// Writes the message's body; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let (ca_share_b64, nonce_b64) = (Encoded(self.ca_share.as_bytes()), Encoded(&self.nonce));
        json::encode(&ChallengeObject { ca_share_b64, nonce_b64, r#type: CHALLENGE }, out)
    }

    /// Reads the message's body.
    ///
    /// # Errors
    /// [`WireError`].
    #[inline(never)] // So that the reader leaves the stack before the caller needs it.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body, Form::Relaxed)?;
        let [ca_share, nonce, kind] = reader.strings(["ca_share_b64", "nonce_b64", "type"])?;
        reader.finish()?;
        let (ca_share, nonce) = (ca_share.required()?, nonce.required()?);
        expect("type", kind.required()?, CHALLENGE)?;
        Ok(Self { ca_share: public_key("ca_share_b64", ca_share)?, nonce: key("nonce_b64", nonce)? })
    }
}

impl Proof {
    /// Writes the message's body; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        json::encode(&ProofObject { proof_b64: Encoded(&self.proof), r#type: PROOF }, out)
    }
}
