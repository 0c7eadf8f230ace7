//! The client's machine for one exchange with a CA (protocol §4, §7).

use core::mem;
use core::ops::Range;

use rand_core::CryptoRng;

use super::Error;
use super::possession::Transcript;
use crate::bytes::{BufferTooSmall, Secret};
use crate::crypto::{Provider, x25519};
use crate::limits::KEY;
use crate::link::{Machine, Misuse, Next};
use crate::wire::Refusal;
use crate::wire::enrolment::{Challenge, Proof};

/// A request to a CA: its messages, and the check of the response.
///
/// [`Enrolment`](super::Enrolment), [`HolderRevocation`](super::HolderRevocation), [`StatusQuery`](super::StatusQuery),
/// [`AnchorsQuery`](super::AnchorsQuery) and [`X509Query`](super::X509Query) implement it.
pub trait CaRequest {
    /// The provider of the cryptography.
    type Provider: Provider;

    /// The result. Its ranges point into the body of the response.
    type Outcome;

    /// Returns the provider.
    fn provider(&self) -> Self::Provider;

    /// Whether the request has a nonce, and whether the CA answers with a challenge.
    fn form(&self) -> RequestForm;

    /// Writes the body of the request into `out`; returns its length in bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    fn encode(&self, nonce: Option<[u8; KEY]>, out: &mut [u8]) -> Result<usize, BufferTooSmall>;

    /// Returns the proof for the CA's share. `transcript` is SHA-256 over the frames of the request and the challenge.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] for a request without proof; the error of the key agreement.
    fn prove(&self, share: &x25519::PublicKey, transcript: &[u8; 32]) -> Result<Secret<32>, Error> {
        let _ = (share, transcript);
        Err(Misuse::OutOfTurn.into())
    }

    /// Reads and checks the body of the response.
    ///
    /// # Errors
    /// The check that failed.
    fn conclude(&self, nonce: Option<&[u8; KEY]>, body: &[u8]) -> Result<Self::Outcome, Error>;
}

/// The form of a request to a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestForm {
    /// A request without a nonce. The response follows.
    Plain,
    /// A request with a nonce. The response follows.
    Nonce,
    /// A request with a nonce. A challenge and a proof follow, then the response.
    Proven,
}

/// The range of `part` in `body`.
pub(super) fn range_in(body: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
    start..start.saturating_add(part.len())
}

/// The client's machine for one request.
pub struct CaClient<R: CaRequest> {
    request: R,
    nonce: Option<[u8; KEY]>,
    state: State<R::Provider>,
}

enum State<P: Provider> {
    SendRequest,
    ExpectChallenge { transcript: Transcript<P> },
    SendProof { proof: Proof },
    ExpectResponse,
    Finished,
}

impl<R: CaRequest> CaClient<R> {
    /// Prepares the first message; its nonce is drawn from `rng`.
    pub fn new(request: R, rng: &mut impl CryptoRng) -> Self {
        let nonce = (request.form() != RequestForm::Plain).then(|| {
            let mut nonce = [0; KEY];
            rng.fill_bytes(&mut nonce);
            nonce
        });
        Self { request, nonce, state: State::SendRequest }
    }

    fn prove(&self, transcript: Transcript<R::Provider>, body: &[u8]) -> Result<Proof, Error> {
        let challenge = Challenge::decode(body)?;
        Ok(Proof { proof: *self.request.prove(&challenge.ca_share, &transcript.finish(body))?.expose() })
    }
}

impl<R: CaRequest> Machine for CaClient<R> {
    type Event = R::Outcome;
    type Error = Error;

    fn next(&self) -> Next {
        match self.state {
            State::SendRequest | State::SendProof { .. } => Next::Write,
            State::ExpectChallenge { .. } | State::ExpectResponse => Next::Read,
            State::Finished => Next::Done,
        }
    }

    fn write(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        match mem::replace(&mut self.state, State::Finished) {
            State::SendRequest => {
                let len = self.request.encode(self.nonce, out)?;
                let body = out.get(..len).ok_or(BufferTooSmall)?;
                self.state = if self.request.form() == RequestForm::Proven {
                    State::ExpectChallenge { transcript: Transcript::new(self.request.provider(), body) }
                } else {
                    State::ExpectResponse
                };
                Ok(len)
            }
            State::SendProof { proof } => {
                let len = proof.encode(out)?;
                self.state = State::ExpectResponse;
                Ok(len)
            }
            _ => Err(Misuse::OutOfTurn.into()),
        }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<R::Outcome>, Error> {
        match mem::replace(&mut self.state, State::Finished) {
            // A CA may refuse at once, instead of a challenge.
            State::ExpectChallenge { transcript } => match Refusal::decode(body) {
                Ok(_) => self.request.conclude(self.nonce.as_ref(), body).map(Some),
                Err(_) => {
                    self.state = State::SendProof { proof: self.prove(transcript, body)? };
                    Ok(None)
                }
            },
            State::ExpectResponse => self.request.conclude(self.nonce.as_ref(), body).map(Some),
            _ => Err(Misuse::OutOfTurn.into()),
        }
    }
}
