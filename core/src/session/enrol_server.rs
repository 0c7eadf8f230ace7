//! The CA's side of enrolment (protocol §4): one machine for a whole connection.

use core::mem;

use rand_core::CryptoRng;

use super::possession::Transcript;
use super::{Error, PeerMisbehaved, PossessionProof};
use crate::bytes::{BufferTooSmall, Secret};
use crate::cert::IdBuf;
use crate::crypto::{KeyPair, Provider, x25519};
use crate::keys::Fingerprint;
use crate::limits::KEY;
use crate::link::{Machine, Misuse, Next};
use crate::wire::enrolment::{Challenge, ClientMessage, Proof, Request, Response};
use crate::wire::{Code, Refusal, WireError};

/// A request of a client, with all its data. The application may answer later, also after the end of the connection.
#[derive(Debug)]
pub enum EnrolEvent<P> {
    /// A certificate is requested in the classic form. Answer: [`EnrolServer::issue`] or [`EnrolServer::refuse`].
    Classic {
        /// The subject to be certified.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
    },
    /// A challenge is requested, in the proven form. Answer: [`EnrolServer::challenge`] or [`EnrolServer::refuse`].
    Challenge {
        /// The subject to be certified.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
    },
    /// A certificate is requested in the proven form. The application checks `possession` first. Answer:
    /// [`EnrolServer::issue`] or [`EnrolServer::refuse`].
    Proven {
        /// The subject to be certified.
        subject_id: IdBuf,
        /// The X25519 public key to be certified.
        subject_key: x25519::PublicKey,
        /// The proof that the client holds the private key. It is not checked yet.
        possession: PossessionProof<P>,
    },
}

/// The CA's machine. After an answer, and after a refused message, it expects the next request.
pub struct EnrolServer<P: Provider> {
    provider: P,
    issuer: Fingerprint,
    state: State<P>,
}

enum State<P: Provider> {
    ExpectRequest,
    SendChallenge { subject_id: IdBuf, subject_key: x25519::PublicKey, transcript: Transcript<P> },
    ExpectProof { subject_id: IdBuf, subject_key: x25519::PublicKey, share: KeyPair<P>, transcript: [u8; 32] },
    SendResponse,
}

impl<P: Provider> EnrolServer<P> {
    /// Makes the machine of the CA whose key has this fingerprint.
    pub const fn new(provider: P, issuer: Fingerprint) -> Self {
        Self { provider, issuer, state: State::ExpectRequest }
    }

    /// Returns whether the machine expects a request, so that no exchange is in progress.
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::ExpectRequest)
    }

    /// Answers [`EnrolEvent::Challenge`] with a fresh share and nonce from `rng`; returns the length of the body in
    /// bytes.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] if no challenge was asked for; [`Misuse::BufferTooSmall`].
    pub fn challenge(&mut self, rng: &mut impl CryptoRng, out: &mut [u8]) -> Result<usize, Error> {
        let State::SendChallenge { subject_id, subject_key, transcript } = self.take() else {
            return Err(Misuse::OutOfTurn.into());
        };
        let share = KeyPair::generate(self.provider, rng);
        let mut nonce = [0; KEY];
        rng.fill_bytes(&mut nonce);
        let len = Challenge { ca_share: *share.public(), nonce }.encode(out)?;
        let transcript = transcript.finish(out.get(..len).ok_or(BufferTooSmall)?);
        self.state = State::ExpectProof { subject_id, subject_key, share, transcript };
        Ok(len)
    }

    /// Answers a request with its certificate; returns the length of the body in bytes.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] if no certificate was asked for; [`Misuse::BufferTooSmall`].
    pub fn issue(&mut self, certificate: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        match self.take() {
            State::SendResponse => Ok(Response::Issued(certificate).encode(out)?),
            _ => Err(Misuse::OutOfTurn.into()),
        }
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

    fn request(&mut self, request: Request<'_>, body: &[u8]) -> Result<EnrolEvent<P>, Error> {
        let (subject_id, subject_key) = (IdBuf::from(request.subject_id), request.subject_key);
        if request.nonce.is_some() {
            let transcript = Transcript::new(self.provider, body);
            self.state = State::SendChallenge { subject_id: subject_id.clone(), subject_key, transcript };
            return Ok(EnrolEvent::Challenge { subject_id, subject_key });
        }
        // In the proven form the key agreement refuses a key of low order.
        if subject_key.is_low_order() {
            return Err(WireError::Field("public_key_value_b64").into());
        }
        self.state = State::SendResponse;
        Ok(EnrolEvent::Classic { subject_id, subject_key })
    }
}

impl<P: Provider> Machine for EnrolServer<P> {
    type Event = EnrolEvent<P>;
    type Error = Error;

    fn next(&self) -> Next {
        match self.state {
            State::ExpectRequest | State::ExpectProof { .. } => Next::Read,
            State::SendChallenge { .. } | State::SendResponse => Next::Wait,
        }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<EnrolEvent<P>>, Error> {
        let state = self.take();
        match (ClientMessage::decode(body)?, state) {
            (ClientMessage::Request(request), _) => self.request(request, body).map(Some),
            (
                ClientMessage::Proof(Proof { proof }),
                State::ExpectProof { subject_id, subject_key, share, transcript },
            ) => {
                let shared = share.agree(subject_key.as_bytes())?;
                let possession =
                    PossessionProof::new(self.provider, shared, transcript, self.issuer, Secret::new(proof));
                self.state = State::SendResponse;
                Ok(Some(EnrolEvent::Proven { subject_id, subject_key, possession }))
            }
            (ClientMessage::Proof(_), _) => Err(PeerMisbehaved::OutOfTurn.into()),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.is_idle() { Ok(()) } else { Err(Error::Truncated) }
    }

    fn write_refusal(&mut self, error: &Error, out: &mut [u8]) -> Option<usize> {
        self.refuse(error.code()?, out).ok()
    }
}
