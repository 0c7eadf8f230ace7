//! Enrolment messages, classic and proven (protocol §4).

use serde::Serialize;

use super::refusal::Members;
use super::{Refusal, WireError};
use crate::bytes::{BufferTooSmall, Writer};
use crate::cert::Id;
use crate::crypto::x25519::PublicKey;
use crate::encoding::base64::{self, Encoded};
use crate::encoding::json::{self, Form, Member, Reader};
use crate::limits::KEY;

const ALGORITHM: &str = "X25519";

const REQUEST: &str = "enroll_request";
const CHALLENGE: &str = "enroll_challenge";
const PROOF: &str = "enroll_proof";

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

/// The CA's fresh share and nonce, on which the proof depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// A fresh X25519 public key.
    pub ca_share: PublicKey,
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
    /// The certificate's text, not verified.
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

fn key(name: &'static str, text: &str) -> Result<[u8; KEY], WireError> {
    base64::decode_array(text).map_err(|_| WireError::Field(name))
}

fn public_key(name: &'static str, text: &str) -> Result<PublicKey, WireError> {
    PublicKey::new(key(name, text)?).ok_or(WireError::KeyNotCanonical(name))
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
            public_key_value_b64: Encoded(self.subject_key.as_bytes()),
            subject_id: self.subject_id.as_str(),
            r#type: self.nonce.map(|_| REQUEST),
        };
        json::encode(&object, out)
    }
}

/// The members of all messages to a CA, found in one pass over the body.
struct ClientMembers<'a> {
    nonce: Member<&'a str>,
    proof: Member<&'a str>,
    algorithm: Member<&'a str>,
    key: Member<&'a str>,
    subject: Member<&'a str>,
}

impl<'a> ClientMembers<'a> {
    /// The request; `kind` is its `type`.
    fn request(self, kind: Option<&str>) -> Result<Request<'a>, WireError> {
        self.proof.absent()?;
        let (nonce, algorithm) = (self.nonce.optional()?, self.algorithm.required()?);
        let (key, subject) = (self.key.required()?, self.subject.required()?);
        expect("public_key_algo", algorithm, ALGORITHM)?;
        // The nonce belongs to the proven form alone.
        if nonce.is_some() != kind.is_some() {
            return Err(WireError::Field("nonce_b64"));
        }
        Ok(Request {
            subject_id: Id::new(subject).map_err(|_| WireError::Field("subject_id"))?,
            subject_key: public_key("public_key_value_b64", key)?,
            nonce: nonce.map(|nonce| self::key("nonce_b64", nonce)).transpose()?,
        })
    }

    fn proof(self) -> Result<Proof, WireError> {
        for other in [self.nonce, self.algorithm, self.key, self.subject] {
            other.absent()?;
        }
        Ok(Proof { proof: key("proof_b64", self.proof.required()?)? })
    }
}

impl<'a> ClientMessage<'a> {
    /// Reads a client's message by its `type`. A request without a type is the classic form.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body, Form::Relaxed)?;
        let [nonce, proof, algorithm, key, subject, kind] = reader.strings([
            "nonce_b64",
            "proof_b64",
            "public_key_algo",
            "public_key_value_b64",
            "subject_id",
            "type",
        ])?;
        // An unknown type has members that are unknown, too: the type is reported first.
        let finished = reader.finish();
        if let Err(error) = finished
            && !error.kind.is_mismatch()
        {
            return Err(error.into());
        }
        let kind = kind.optional().map_err(|_| WireError::UnknownType)?;
        let members = ClientMembers { nonce, proof, algorithm, key, subject };
        match kind {
            None | Some(REQUEST) => {
                finished?;
                members.request(kind).map(Self::Request)
            }
            Some(PROOF) => {
                finished?;
                members.proof().map(Self::Proof)
            }
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
    #[inline(never)] // So that the reader leaves the stack before the caller needs it.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let members = Members::read(body)?;
        let Some(certificate) = members.certificate.optional()? else {
            return members.refusal().map(Self::Refused);
        };
        members.code.absent()?;
        members.error.absent()?;
        if members.ok.required()? { Ok(Self::Issued(certificate)) } else { Err(WireError::Field("ok")) }
    }
}
