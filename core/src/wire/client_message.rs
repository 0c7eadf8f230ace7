//! The messages of a client to a CA, told apart by their `type` (protocol §4, §7).

use super::anchors;
use super::enrolment::{self, ALGORITHM, Proof, RenewRequest, Request};
use super::revocation::{self, RevokeRequest, StatusRequest};
use super::x509::{self, X509Request};
use super::{WireError, expect, key, public_key};
use crate::cert::Id;
use crate::crypto::x25519::PublicKey;
use crate::encoding::json::{Form, Member, Reader};
use crate::limits::KEY;
use crate::trust::{RevocationReason, Serial};

/// A message from a client to the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// A request for a certificate, classic or proven.
    Request(Request<'a>),
    /// A request to renew a certificate.
    Renew(RenewRequest<'a>),
    /// A request to revoke a certificate, by its holder.
    Revoke(RevokeRequest),
    /// The answer to a challenge.
    Proof(Proof),
    /// A request for the status of a certificate.
    Status(StatusRequest),
    /// A request for the changes of the CA's key.
    Anchors,
    /// A request for the X.509 twin of a certificate.
    X509(X509Request),
}

/// The members of all messages to a CA, found in one pass over the body.
struct Members<'a> {
    nonce: Member<&'a str>,
    proof: Member<&'a str>,
    algorithm: Member<&'a str>,
    key: Member<&'a str>,
    reason: Member<&'a str>,
    serial: Member<u64>,
    subject: Member<&'a str>,
}

impl<'a> Members<'a> {
    /// The subject and key of a request for a certificate.
    fn subject(&self) -> Result<(Id<'a>, PublicKey), WireError> {
        let (algorithm, key, subject) =
            (self.algorithm.required()?, self.key.required()?, self.subject.required()?);
        expect("public_key_algo", algorithm, ALGORITHM)?;
        let subject_id = Id::new(subject).map_err(|_| WireError::Field("subject_id"))?;
        Ok((subject_id, public_key("public_key_value_b64", key)?))
    }

    fn serial(&self) -> Result<Serial, WireError> {
        Serial::new(self.serial.required()?).map_err(|_| WireError::Field("serial_number"))
    }

    fn nonce(&self) -> Result<Option<[u8; KEY]>, WireError> {
        self.nonce.optional()?.map(|nonce| key("nonce_b64", nonce)).transpose()
    }

    fn required_nonce(&self) -> Result<[u8; KEY], WireError> {
        key("nonce_b64", self.nonce.required()?)
    }

    /// Checks that none of `others` is present: they belong to other messages.
    fn without<const N: usize>(&self, others: [Member<&'a str>; N], serial: bool) -> Result<(), WireError> {
        if serial {
            self.serial.absent()?;
        }
        others.into_iter().try_for_each(Member::absent).map_err(WireError::from)
    }

    /// A request for a certificate; `kind` is its `type`.
    fn request(&self, kind: Option<&str>) -> Result<Request<'a>, WireError> {
        self.without([self.proof, self.reason], true)?;
        let (subject_id, subject_key) = self.subject()?;
        let nonce = self.nonce()?;
        // The nonce belongs to the proven form alone.
        if nonce.is_some() != kind.is_some() {
            return Err(WireError::Field("nonce_b64"));
        }
        Ok(Request { subject_id, subject_key, nonce })
    }

    fn renew(&self) -> Result<RenewRequest<'a>, WireError> {
        self.without([self.proof, self.reason], false)?;
        let (subject_id, subject_key) = self.subject()?;
        Ok(RenewRequest {
            subject_id,
            subject_key,
            serial_number: self.serial()?,
            nonce: self.required_nonce()?,
        })
    }

    fn revoke(&self) -> Result<RevokeRequest, WireError> {
        self.without([self.proof, self.algorithm, self.key, self.subject], false)?;
        // The holder cannot remove a hold: the operator has put the certificate on hold.
        let reason = RevocationReason::from_name(self.reason.required()?)
            .filter(|&reason| reason != RevocationReason::RemoveFromHold)
            .ok_or(WireError::Field("reason"))?;
        Ok(RevokeRequest { serial_number: self.serial()?, reason, nonce: self.required_nonce()? })
    }

    fn status(&self) -> Result<StatusRequest, WireError> {
        self.without([self.proof, self.algorithm, self.key, self.reason, self.subject], false)?;
        Ok(StatusRequest { serial_number: self.serial()?, nonce: self.nonce()? })
    }

    fn anchors(&self) -> Result<(), WireError> {
        self.without([self.nonce, self.proof, self.algorithm, self.key, self.reason, self.subject], true)
    }

    fn x509(&self) -> Result<X509Request, WireError> {
        self.without([self.nonce, self.proof, self.algorithm, self.key, self.reason, self.subject], false)?;
        Ok(X509Request { serial_number: self.serial()? })
    }

    fn proof(&self) -> Result<Proof, WireError> {
        self.without([self.nonce, self.algorithm, self.key, self.reason, self.subject], true)?;
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
        let mut members = Members {
            nonce: reader.member("nonce_b64"),
            proof: reader.member("proof_b64"),
            algorithm: reader.member("public_key_algo"),
            key: reader.member("public_key_value_b64"),
            reason: reader.member("reason"),
            serial: reader.member("serial_number"),
            subject: reader.member("subject_id"),
        };
        let mut kind = reader.member("type");
        while let Some(key) = reader.next_key()? {
            match key {
                "nonce_b64" => reader.string(&mut members.nonce)?,
                "proof_b64" => reader.string(&mut members.proof)?,
                "public_key_algo" => reader.string(&mut members.algorithm)?,
                "public_key_value_b64" => reader.string(&mut members.key)?,
                "reason" => reader.string(&mut members.reason)?,
                "serial_number" => reader.integer(&mut members.serial)?,
                "subject_id" => reader.string(&mut members.subject)?,
                "type" => reader.string(&mut kind)?,
                _ => reader.unknown()?,
            }
        }
        // An unknown type has members that are unknown, too: the type is reported first.
        let finished = reader.finish();
        if let Err(error) = finished
            && !error.kind.is_mismatch()
        {
            return Err(error.into());
        }
        let kind = kind.optional().map_err(|_| WireError::UnknownType)?;
        let known = [
            anchors::REQUEST,
            enrolment::REQUEST,
            enrolment::RENEW,
            enrolment::PROOF,
            revocation::REVOKE,
            revocation::STATUS,
            x509::REQUEST,
        ];
        if kind.is_some_and(|kind| !known.contains(&kind)) {
            return Err(WireError::UnknownType);
        }
        finished?;
        match kind {
            Some(anchors::REQUEST) => members.anchors().map(|()| Self::Anchors),
            Some(enrolment::RENEW) => members.renew().map(Self::Renew),
            Some(enrolment::PROOF) => members.proof().map(Self::Proof),
            Some(revocation::REVOKE) => members.revoke().map(Self::Revoke),
            Some(revocation::STATUS) => members.status().map(Self::Status),
            Some(x509::REQUEST) => members.x509().map(Self::X509),
            _ => members.request(kind).map(Self::Request),
        }
    }
}
