//! The CA's side of every exchange with a client (protocol §4, §7): one machine for a whole connection.

use core::mem;

use rand_core::CryptoRng;

use super::possession::{Evidence, Transcript};
use super::{Error, PeerMisbehaved, PossessionProof, RenewalProof, RevocationProof};
use crate::bytes::{BufferTooSmall, Secret};
use crate::cert::IdBuf;
use crate::crypto::{KeyPair, Provider, x25519};
use crate::limits::KEY;
use crate::link::{Machine, Misuse, Next};
use crate::trust::{RevocationReason, Serial};
use crate::wire::enrolment::{Challenge, Proof, Request};
use crate::wire::{ClientMessage, Code, Refusal, Response, WireError};

/// A request of a client, with all its data. The application may answer later, also after the end of the connection.
///
/// The answer is [`CaServer::respond`] or [`CaServer::refuse`], unless stated otherwise.
#[derive(Debug)]
pub enum ClientRequest<P: Provider> {
    /// A certificate is requested in the classic form. Answer: [`Response::Issued`].
    Classic {
        /// The subject to be certified.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
    },
    /// A challenge is requested. Answer: [`CaServer::challenge`] or [`CaServer::refuse`].
    Challenge(Claim),
    /// A certificate is requested in the proven form. The application checks `possession` first. Answer:
    /// [`Response::Issued`].
    Proven {
        /// The subject to be certified.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
        /// The proof that the client holds the private key. It is not checked yet.
        possession: PossessionProof<P>,
    },
    /// A renewal is requested. The application checks `possession` with the key of the current certificate first.
    /// Answer: [`Response::Issued`].
    Renew {
        /// The subject of the current certificate.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
        /// The serial number of the current certificate.
        serial_number: Serial,
        /// The proof that the client holds both private keys. It is not checked yet.
        possession: RenewalProof<P>,
    },
    /// The holder of a certificate wants it revoked. The application checks `possession` with the key of that
    /// certificate first. Answer: [`Response::Revoked`].
    Revoke {
        /// The serial number of the certificate.
        serial_number: Serial,
        /// The reason.
        reason: RevocationReason,
        /// The proof that the client holds the private key. It is not checked yet.
        possession: RevocationProof<P>,
    },
    /// The status of a certificate is requested. Answer: [`Response::Status`].
    Status {
        /// The serial number of the certificate.
        serial_number: Serial,
        /// The nonce that the status must have. Without a nonce, an earlier status is an answer too.
        nonce: Option<[u8; KEY]>,
    },
    /// The changes of the CA's key are requested. Answer: [`Response::Anchors`].
    Anchors,
    /// The X.509 twin of a certificate is requested. Answer: [`Response::X509`].
    X509 {
        /// The serial number of the certificate.
        serial_number: Serial,
    },
}

/// The claim of a client, which it must prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The client may have a certificate for this subject and key.
    Enrol {
        /// The subject to be certified.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
    },
    /// The client holds the certificate with this serial number, and may renew it.
    Renew {
        /// The subject of the current certificate.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
        /// The serial number of the current certificate.
        serial_number: Serial,
    },
    /// The client holds the certificate with this serial number, and may revoke it.
    Revoke {
        /// The serial number of the certificate.
        serial_number: Serial,
        /// The reason.
        reason: RevocationReason,
    },
}

/// The CA's machine. After an answer, and after a refused message, it expects the next request.
pub struct CaServer<P: Provider> {
    provider: P,
    state: State<P>,
}

enum State<P: Provider> {
    ExpectRequest,
    SendChallenge { claim: Claim, transcript: Transcript<P> },
    ExpectProof { claim: Claim, share: KeyPair<P>, transcript: [u8; 32] },
    SendResponse,
}

impl<P: Provider> CaServer<P> {
    /// Makes the machine for a new connection.
    pub const fn new(provider: P) -> Self {
        Self { provider, state: State::ExpectRequest }
    }

    /// Returns whether the machine expects a request, so that no exchange is in progress.
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::ExpectRequest)
    }

    /// Answers [`ClientRequest::Challenge`] with a fresh share and nonce from `rng`; returns the length of the body in
    /// bytes.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] if no challenge was asked for; [`Misuse::BufferTooSmall`].
    pub fn challenge(&mut self, rng: &mut impl CryptoRng, out: &mut [u8]) -> Result<usize, Error> {
        let State::SendChallenge { claim, transcript } = self.take() else {
            return Err(Misuse::OutOfTurn.into());
        };
        let share = KeyPair::generate(self.provider, rng);
        let mut nonce = [0; KEY];
        rng.fill_bytes(&mut nonce);
        let len = Challenge { ca_share: *share.public(), nonce }.encode(out)?;
        let transcript = transcript.finish(out.get(..len).ok_or(BufferTooSmall)?);
        self.state = State::ExpectProof { claim, share, transcript };
        Ok(len)
    }

    /// Answers a request; returns the length of the body in bytes. The application chooses the response that belongs to
    /// the request.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] if no response was asked for; [`Misuse::BufferTooSmall`].
    pub fn respond(&mut self, response: Response<'_>, out: &mut [u8]) -> Result<usize, Error> {
        match self.take() {
            State::SendResponse => Ok(response.encode(out)?),
            _ => Err(Misuse::OutOfTurn.into()),
        }
    }

    /// Answers a request for a certificate, or a renewal, with the certificate; returns the length of the body in
    /// bytes.
    ///
    /// # Errors
    /// As [`CaServer::respond`].
    pub fn issue(&mut self, certificate: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.respond(Response::Issued(certificate), out)
    }

    /// Answers any request with a refusal; returns the length of the body in bytes.
    ///
    /// # Errors
    /// [`Misuse::BufferTooSmall`].
    pub fn refuse(&mut self, code: Code, out: &mut [u8]) -> Result<usize, Error> {
        self.take();
        Ok(Response::Refused(Refusal::from(code)).encode(out)?)
    }

    /// Takes the state. The machine then expects a request, also after any error.
    fn take(&mut self) -> State<P> {
        mem::replace(&mut self.state, State::ExpectRequest)
    }

    /// Asks the application for a challenge. `body` is the message with the claim.
    fn claim(&mut self, claim: Claim, body: &[u8]) -> ClientRequest<P> {
        let transcript = Transcript::new(self.provider, body);
        self.state = State::SendChallenge { claim: claim.clone(), transcript };
        ClientRequest::Challenge(claim)
    }

    fn classic(&mut self, request: &Request<'_>) -> Result<ClientRequest<P>, Error> {
        let Request { subject_id, subject_key, .. } = *request;
        // In the proven form the key agreement refuses a key of low order.
        if subject_key.is_low_order() {
            return Err(WireError::Field("public_key_value_b64").into());
        }
        self.state = State::SendResponse;
        Ok(ClientRequest::Classic { subject_id: subject_id.into(), subject_key })
    }

    /// The request of a client that has answered the challenge with `proof`.
    fn proven(
        &mut self,
        claim: Claim,
        share: KeyPair<P>,
        transcript: [u8; 32],
        proof: Secret<KEY>,
    ) -> Result<ClientRequest<P>, Error> {
        let evidence = Evidence::new(self.provider, transcript, proof);
        let request = match claim {
            Claim::Enrol { subject_id, subject_key } => {
                let shared = share.agree(subject_key.as_bytes())?;
                let possession = PossessionProof::new(evidence, shared);
                ClientRequest::Proven { subject_id, subject_key, possession }
            }
            Claim::Renew { subject_id, subject_key, serial_number } => {
                let shared = share.agree(subject_key.as_bytes())?;
                let possession = RenewalProof::new(evidence, shared, share);
                ClientRequest::Renew { subject_id, subject_key, serial_number, possession }
            }
            Claim::Revoke { serial_number, reason } => {
                let possession = RevocationProof::new(evidence, share);
                ClientRequest::Revoke { serial_number, reason, possession }
            }
        };
        self.state = State::SendResponse;
        Ok(request)
    }
}

impl<P: Provider> Machine for CaServer<P> {
    type Event = ClientRequest<P>;
    type Error = Error;

    fn next(&self) -> Next {
        match self.state {
            State::ExpectRequest | State::ExpectProof { .. } => Next::Read,
            State::SendChallenge { .. } | State::SendResponse => Next::Wait,
        }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<ClientRequest<P>>, Error> {
        let state = self.take();
        let request = match (ClientMessage::decode(body)?, state) {
            (ClientMessage::Request(request), _) if request.nonce.is_none() => self.classic(&request)?,
            (ClientMessage::Request(request), _) => {
                let Request { subject_id, subject_key, .. } = request;
                self.claim(Claim::Enrol { subject_id: subject_id.into(), subject_key }, body)
            }
            (ClientMessage::Renew(request), _) => {
                let (subject_id, subject_key) = (request.subject_id.into(), request.subject_key);
                self.claim(
                    Claim::Renew { subject_id, subject_key, serial_number: request.serial_number },
                    body,
                )
            }
            (ClientMessage::Revoke(request), _) => {
                let (serial_number, reason) = (request.serial_number, request.reason);
                self.claim(Claim::Revoke { serial_number, reason }, body)
            }
            (ClientMessage::Status(request), _) => {
                self.state = State::SendResponse;
                ClientRequest::Status { serial_number: request.serial_number, nonce: request.nonce }
            }
            (ClientMessage::Anchors, _) => {
                self.state = State::SendResponse;
                ClientRequest::Anchors
            }
            (ClientMessage::X509(request), _) => {
                self.state = State::SendResponse;
                ClientRequest::X509 { serial_number: request.serial_number }
            }
            (ClientMessage::Proof(Proof { proof }), State::ExpectProof { claim, share, transcript }) => {
                self.proven(claim, share, transcript, Secret::new(proof))?
            }
            (ClientMessage::Proof(_), _) => return Err(PeerMisbehaved::OutOfTurn.into()),
        };
        Ok(Some(request))
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.is_idle() { Ok(()) } else { Err(Error::Truncated) }
    }

    fn write_refusal(&mut self, error: &Error, out: &mut [u8]) -> Option<usize> {
        self.refuse(error.code()?, out).ok()
    }
}
