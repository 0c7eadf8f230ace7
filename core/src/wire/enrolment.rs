//! Enrolment messages, classic and proven (protocol §4).

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Refusal, WireError};
use crate::bytes::{BufferTooSmall, Writer};
use crate::cert::Id;
use crate::crypto::is_canonical;
use crate::encoding::base64::{self, Encoded};
use crate::encoding::json::{self, Form};
use crate::limits::KEY;

const ALGORITHM: &str = "X25519";

const REQUEST: &str = "enroll_request";
const CHALLENGE: &str = "enroll_challenge";
const PROOF: &str = "enroll_proof";

/// A request for a certificate; with a nonce it is the proven form's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The subject to be certified.
    pub subject_id: Id<'a>,
    /// The X25519 key to be certified.
    pub subject_key: [u8; KEY],
    /// 32 fresh random bytes; `None` is the classic form.
    pub nonce: Option<[u8; KEY]>,
}

/// The CA's fresh share and nonce, which the proof answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// A fresh X25519 public key.
    pub ca_share: [u8; KEY],
    /// 32 fresh random bytes.
    pub nonce: [u8; KEY],
}

/// The proof that the client holds the private key, and the token if one is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// HMAC-SHA-256 as protocol §4 defines it.
    pub proof: [u8; KEY],
}

/// The CA's answer to a request, which ends the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// The certificate's text, as it was sent and not yet believed.
    Issued(&'a [u8]),
    /// No certificate.
    Refused(Refusal<'a>),
}

/// A message from a client to the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// A request, classic or proven.
    Request(Request<'a>),
    /// The answer to a challenge.
    Proof(Proof),
}

// The messages' keys in canonical order. `B` is base64: text when read, bytes when written.

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestObject<'a, B> {
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce_b64: Option<B>,
    public_key_algo: &'a str,
    public_key_value_b64: B,
    subject_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeObject<'a, B> {
    ca_share_b64: B,
    nonce_b64: B,
    r#type: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofObject<'a, B> {
    proof_b64: B,
    r#type: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuedObject {
    #[serde(rename = "certificate")]
    _certificate: IgnoredAny,
    ok: bool,
}

fn key(name: &'static str, text: &str) -> Result<[u8; KEY], WireError> {
    base64::decode_array(text).map_err(|_| WireError::Field(name))
}

fn public_key(name: &'static str, text: &str) -> Result<[u8; KEY], WireError> {
    let key = key(name, text)?;
    if is_canonical(&key) { Ok(key) } else { Err(WireError::KeyNotCanonical(name)) }
}

fn expect(name: &'static str, seen: &str, expected: &str) -> Result<(), WireError> {
    if seen == expected { Ok(()) } else { Err(WireError::Field(name)) }
}

impl<'a> Request<'a> {
    /// Writes the message's body; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let object = RequestObject {
            nonce_b64: self.nonce.as_ref().map(|nonce| Encoded(nonce)),
            public_key_algo: ALGORITHM,
            public_key_value_b64: Encoded(&self.subject_key),
            subject_id: self.subject_id.as_str(),
            r#type: self.nonce.map(|_| REQUEST),
        };
        json::encode(&object, out)
    }

    fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let object: RequestObject<'a, &str> = json::decode(body, Form::Relaxed)?;
        expect("public_key_algo", object.public_key_algo, ALGORITHM)?;
        // The nonce belongs to the proven form, and to it alone.
        if object.nonce_b64.is_some() != object.r#type.is_some() {
            return Err(WireError::Field("nonce_b64"));
        }
        Ok(Self {
            subject_id: Id::new(object.subject_id).map_err(|_| WireError::Field("subject_id"))?,
            subject_key: public_key("public_key_value_b64", object.public_key_value_b64)?,
            nonce: object.nonce_b64.map(|nonce| key("nonce_b64", nonce)).transpose()?,
        })
    }
}

impl<'a> ClientMessage<'a> {
    /// Reads what a client sent, by its `type`; a request without one is the classic form.
    ///
    /// # Errors
    /// [`WireError`] naming what is wrong.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        match json::member(body, "type")? {
            None | Some(b"\"enroll_request\"") => Request::decode(body).map(Self::Request),
            Some(b"\"enroll_proof\"") => Proof::decode(body).map(Self::Proof),
            Some(_) => Err(WireError::UnknownType),
        }
    }
}

impl Challenge {
    /// Writes the message's body; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let (ca_share_b64, nonce_b64) = (Encoded(&self.ca_share), Encoded(&self.nonce));
        json::encode(&ChallengeObject { ca_share_b64, nonce_b64, r#type: CHALLENGE }, out)
    }

    /// Reads the message's body.
    ///
    /// # Errors
    /// [`WireError`] naming what is wrong.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let object: ChallengeObject<'_, &str> = json::decode(body, Form::Relaxed)?;
        expect("type", object.r#type, CHALLENGE)?;
        Ok(Self {
            ca_share: public_key("ca_share_b64", object.ca_share_b64)?,
            nonce: key("nonce_b64", object.nonce_b64)?,
        })
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

    fn decode(body: &[u8]) -> Result<Self, WireError> {
        let object: ProofObject<'_, &str> = json::decode(body, Form::Relaxed)?;
        Ok(Self { proof: key("proof_b64", object.proof_b64)? })
    }
}

impl<'a> Response<'a> {
    /// Writes the message's body; returns its length. A certificate is passed on as it is.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        match self {
            Self::Refused(refusal) => refusal.encode(out),
            Self::Issued(certificate) => {
                let mut writer = Writer::new(out);
                writer.put(b"{\"certificate\":").put(certificate).put(b",\"ok\":true}");
                Ok(writer.finish()?.len())
            }
        }
    }

    /// Reads the message's body.
    ///
    /// # Errors
    /// [`WireError`] if it is neither a certificate nor a refusal.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        json::check(body, Form::Relaxed)?;
        let Some(certificate) = json::member(body, "certificate")? else {
            return Refusal::decode(body).map(Self::Refused);
        };
        let wire: IssuedObject = json::decode(body, Form::Relaxed)?;
        if wire.ok { Ok(Self::Issued(certificate)) } else { Err(WireError::Field("ok")) }
    }
}
