//! The CA's side of enrolment (protocol §4): one machine for a whole connection.

use core::mem;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::proof::{ProofInput, Transcript};
use super::{Fault, Machine, Next};
use crate::bytes::{Public, Secret, declassify};
use crate::cert::{Id, IdBuf};
use crate::crypto::{KeyPair, Provider, is_low_order};
use crate::keys::Fingerprint;
use crate::limits::KEY;
use crate::wire::enrolment::{Answer, Challenge, Proof, Request, ToCa};
use crate::wire::{Code, Refusal, WireError};

/// What the client has asked of the CA, which answers in its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A certificate by the classic form: answer with `grant` or `refuse`.
    Classic,
    /// A challenge: answer with `challenge` or `refuse`.
    Challenge,
    /// A certificate, with a proof to be checked by `proves`: then `grant` or `refuse`.
    Proven,
}

/// The CA's machine. After an answer, and after a refused message, it expects the next request.
pub struct EnrolServer<P: Provider> {
    issuer: Fingerprint,
    state: State<P>,
}

struct Subject {
    id: IdBuf,
    key: [u8; KEY],
}

enum State<P: Provider> {
    ExpectRequest,
    Classic { subject: Subject },
    Challenge { subject: Subject, transcript: Transcript<P> },
    ExpectProof { subject: Subject, share: KeyPair<P>, transcript: [u8; 32] },
    Proven { subject: Subject, input: ProofInput<P>, proof: Secret<KEY> },
}

impl<P: Provider> EnrolServer<P> {
    /// Serves for the CA whose key has this fingerprint.
    pub fn new(issuer: Fingerprint) -> Self {
        Self { issuer, state: State::ExpectRequest }
    }

    /// The subject and the key that wait for an answer, if any do.
    pub fn subject(&self) -> Option<(Id<'_>, &[u8; KEY])> {
        match &self.state {
            State::ExpectRequest => None,
            State::Classic { subject }
            | State::Challenge { subject, .. }
            | State::ExpectProof { subject, .. }
            | State::Proven { subject, .. } => Some((subject.id.as_id(), &subject.key)),
        }
    }

    /// Answers [`Asked::Challenge`] with a fresh share and nonce from `rng`.
    ///
    /// # Errors
    /// [`Fault::OutOfTurn`] if nobody asked; [`WireError::BufferTooSmall`].
    pub fn challenge(&mut self, rng: &mut impl CryptoRng, out: &mut [u8]) -> Result<usize, Fault> {
        let State::Challenge { subject, transcript } = self.take() else { return Err(Fault::OutOfTurn) };
        let share = KeyPair::generate(rng);
        let mut nonce = [0; KEY];
        rng.fill_bytes(&mut nonce);
        let len = Challenge { ca_share: *share.public(), nonce }.encode(out)?;
        let transcript = transcript.finish(out.get(..len).ok_or(WireError::BufferTooSmall)?);
        self.state = State::ExpectProof { subject, share, transcript };
        Ok(len)
    }

    /// Whether the proof that waits was made with the subject's key and the
    /// token whose SHA-256 is `token` (`None`: with no token). Constant time in the proof.
    ///
    /// # Errors
    /// [`Fault::OutOfTurn`] if no proof waits.
    pub fn proves(&self, token: Option<&[u8; 32]>) -> Result<bool, Fault> {
        let State::Proven { input, proof, .. } = &self.state else { return Err(Fault::OutOfTurn) };
        Ok(declassify(input.proof(token)?.ct_eq(proof), Public::ProofIsRight))
    }

    /// Answers a request with its certificate.
    ///
    /// # Errors
    /// [`Fault::OutOfTurn`] if no certificate was asked for; [`WireError::BufferTooSmall`].
    pub fn grant(&mut self, certificate: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        match self.take() {
            State::Classic { .. } | State::Proven { .. } => Ok(Answer::Granted(certificate).encode(out)?),
            _ => Err(Fault::OutOfTurn),
        }
    }

    /// Leaves the machine expecting a request, which is also where any fault takes it.
    fn take(&mut self) -> State<P> {
        mem::replace(&mut self.state, State::ExpectRequest)
    }

    fn request(&mut self, request: Request<'_>, body: &[u8]) -> Result<Asked, Fault> {
        let subject = Subject { id: request.subject_id.into(), key: request.subject_key };
        if request.nonce.is_some() {
            self.state = State::Challenge { subject, transcript: Transcript::new(body) };
            return Ok(Asked::Challenge);
        }
        // The proven form meets that in the proof.
        if is_low_order(&subject.key) {
            return Err(WireError::Field("public_key_value_b64").into());
        }
        self.state = State::Classic { subject };
        Ok(Asked::Classic)
    }
}

impl<P: Provider> Machine for EnrolServer<P> {
    type Event = Asked;

    fn next(&self) -> Next {
        match self.state {
            State::ExpectRequest | State::ExpectProof { .. } => Next::Read,
            State::Classic { .. } | State::Challenge { .. } | State::Proven { .. } => Next::Wait,
        }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<Asked>, Fault> {
        let state = self.take();
        match (ToCa::decode(body)?, state) {
            (ToCa::Request(request), _) => self.request(request, body).map(Some),
            (ToCa::Proof(Proof { proof }), State::ExpectProof { subject, share, transcript }) => {
                let shared = share.agree(&subject.key)?;
                let input = ProofInput::new(shared, transcript, self.issuer);
                self.state = State::Proven { subject, input, proof: Secret::new(proof) };
                Ok(Some(Asked::Proven))
            }
            (ToCa::Proof(_), _) => Err(Fault::OutOfTurn),
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.state {
            State::ExpectRequest => Ok(()),
            _ => Err(Fault::Truncated),
        }
    }

    /// Answers whatever was asked.
    fn refuse(&mut self, code: Code, out: &mut [u8]) -> Result<usize, Fault> {
        self.take();
        Ok(Answer::Refused(Refusal::from(code)).encode(out)?)
    }

    fn refuses_aloud(&self) -> bool {
        true
    }
}
