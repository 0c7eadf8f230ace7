//! The client's side of enrolment (protocol §4).

use core::mem;
use core::ops::Range;

use rand_core::CryptoRng;

use super::Error;
use super::possession::{Transcript, proof};
use crate::bytes::{BufferTooSmall, Secret};
use crate::cert::{self, Anchor, Certificate, IdBuf};
use crate::crypto::{KeyPair, Portable, Provider};
use crate::limits::KEY;
use crate::link::{Machine, Misuse, Next};
use crate::time::Now;
use crate::trust::RevocationCheck;
use crate::wire::Code;
use crate::wire::enrolment::{Challenge, Proof, Request, Response};

/// The form of an enrolment.
#[derive(Clone, Debug)]
pub enum EnrolForm {
    /// One request and one response; nothing is proven. The CA must run in its open mode.
    Classic,
    /// With proof of possession, and with a token if there is one.
    Proven {
        /// SHA-256 of the token's text.
        token: Option<Secret<32>>,
    },
}

/// A client's request for a certificate, and the CA that the client trusts.
pub struct Enrolment<'k, P: Provider = Portable> {
    /// The requested name.
    pub subject_id: IdBuf,
    /// The key to be certified.
    pub key: &'k KeyPair<P>,
    /// The pinned CA.
    pub anchor: &'k Anchor<P::Sizes>,
    /// The time at which the new certificate must be valid.
    pub now: Now,
    /// The form.
    pub form: EnrolForm,
}

/// The result of an enrolment. Ranges point into the body of the last message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolOutcome {
    /// The certificate's text: verified under the anchor, for this subject and key.
    Issued(Range<usize>),
    /// The same, but the certificate is not valid at [`Enrolment::now`]: one of the two clocks is wrong. Keep it,
    /// and use it once [`cert::verify`] accepts it.
    OutOfTime {
        /// The certificate's text.
        certificate: Range<usize>,
        /// [`cert::Error::Validity`].
        error: cert::Error,
    },
    /// The CA refused.
    Refused {
        /// The reason, for programs.
        code: Code,
        /// The reason, for people.
        text: Range<usize>,
    },
}

/// The client's machine.
///
/// # Examples
/// A CA and a client, without a network between them:
/// ```
/// use minipki_core::bytes::Secret;
/// use minipki_core::cert::Anchor;
/// use minipki_core::crypto::{KeyPair, Portable};
/// use minipki_core::link::Machine;
/// use minipki_core::session::{
///     EnrolClient, EnrolEvent, EnrolForm, EnrolOutcome, EnrolServer, Enrolment,
/// };
/// use minipki_core::time::Now;
///
/// # const ANCHOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/anchor.json"));
/// # const SENSOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sensor.json"));
/// # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
/// let anchor = Anchor::decode(Portable::new(), ANCHOR)?;
/// let key: KeyPair = KeyPair::from_secret(Portable::new(), Secret::new([0x11; 32]));
/// let mut client = EnrolClient::new(
///     Enrolment {
///         subject_id: "sensor-17".parse()?,
///         key: &key,
///         anchor: &anchor,
///         now: Now::Exact("2026-06-15T12:00:00+00:00".parse()?),
///         form: EnrolForm::Proven { token: None },
///     },
///     &mut rng,
/// );
/// let mut ca = EnrolServer::new(Portable::new(), anchor.fingerprint());
///
/// let mut body = [0; 4096];
/// let len = client.write(&mut body)?;
/// assert!(matches!(ca.read(&mut body[..len])?, Some(EnrolEvent::Challenge { .. })));
/// let len = ca.challenge(&mut rng, &mut body)?;
/// assert_eq!(client.read(&mut body[..len])?, None);
/// let len = client.write(&mut body)?;
/// let Some(EnrolEvent::Proven { possession, .. }) = ca.read(&mut body[..len])? else { return Err("no proof".into()) };
/// assert!(possession.proves(None)?);
/// let len = ca.issue(SENSOR, &mut body)?;
/// let Some(EnrolOutcome::Issued(range)) = client.read(&mut body[..len])? else { return Err("refused".into()) };
/// assert_eq!(&body[range], SENSOR);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EnrolClient<'k, P: Provider> {
    enrolment: Enrolment<'k, P>,
    state: State<P>,
}

enum State<P: Provider> {
    SendRequest { nonce: Option<[u8; KEY]> },
    ExpectChallenge { transcript: Transcript<P> },
    SendProof { proof: Proof },
    ExpectResponse,
    Finished,
}

impl<'k, P: Provider> EnrolClient<'k, P> {
    /// Prepares the first message; its nonce is drawn from `rng`.
    pub fn new(enrolment: Enrolment<'k, P>, rng: &mut impl CryptoRng) -> Self {
        let nonce = match enrolment.form {
            EnrolForm::Classic => None,
            EnrolForm::Proven { .. } => {
                let mut nonce = [0; KEY];
                rng.fill_bytes(&mut nonce);
                Some(nonce)
            }
        };
        Self { enrolment, state: State::SendRequest { nonce } }
    }

    fn prove(&self, transcript: Transcript<P>, body: &[u8]) -> Result<Proof, Error> {
        // Only the proven form expects a challenge.
        let EnrolForm::Proven { token } = &self.enrolment.form else { return Err(Misuse::OutOfTurn.into()) };
        let challenge = Challenge::decode(body)?;
        let shared = self.enrolment.key.agree(challenge.ca_share.as_bytes())?;
        let pinned = self.enrolment.anchor.fingerprint();
        let (provider, token) = (self.enrolment.key.provider(), token.as_ref().map(Secret::expose));
        Ok(Proof { proof: *proof(provider, &shared, &transcript.finish(body), &pinned, token)?.expose() })
    }

    /// Accepts only a genuine certificate for the requested name and key. Returns the error of its validity period, if
    /// it is not valid now.
    fn check(&self, text: &[u8]) -> Result<Option<cert::Error>, Error> {
        let certificate = Certificate::parse(text)?;
        // The time is checked last, so an error about it is about a genuine certificate.
        let Enrolment { key, anchor, now, .. } = self.enrolment;
        let time = match cert::verify(key.provider(), anchor, &certificate, now, RevocationCheck::NotChecked)
        {
            Ok(_) => None,
            Err(error @ cert::Error::Validity(_)) => Some(error),
            Err(error) => return Err(error.into()),
        };
        certificate.require_subject(self.enrolment.subject_id.as_id())?;
        certificate.require_key(key.public())?;
        Ok(time)
    }

    fn conclude(&self, body: &[u8]) -> Result<EnrolOutcome, Error> {
        let range = |part: &[u8]| {
            let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
            start..start.saturating_add(part.len())
        };
        match Response::decode(body)? {
            Response::Issued(text) => Ok(match self.check(text)? {
                None => EnrolOutcome::Issued(range(text)),
                Some(error) => EnrolOutcome::OutOfTime { certificate: range(text), error },
            }),
            Response::Refused(refusal) => {
                Ok(EnrolOutcome::Refused { code: refusal.code, text: range(refusal.text.as_bytes()) })
            }
        }
    }
}

impl<P: Provider> Machine for EnrolClient<'_, P> {
    type Event = EnrolOutcome;
    type Error = Error;

    fn next(&self) -> Next {
        match self.state {
            State::SendRequest { .. } | State::SendProof { .. } => Next::Write,
            State::ExpectChallenge { .. } | State::ExpectResponse => Next::Read,
            State::Finished => Next::Done,
        }
    }

    fn write(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        match mem::replace(&mut self.state, State::Finished) {
            State::SendRequest { nonce } => {
                let request = Request {
                    subject_id: self.enrolment.subject_id.as_id(),
                    subject_key: *self.enrolment.key.public(),
                    nonce,
                };
                let len = request.encode(out)?;
                let body = out.get(..len).ok_or(BufferTooSmall)?;
                self.state = match nonce {
                    None => State::ExpectResponse,
                    Some(_) => State::ExpectChallenge {
                        transcript: Transcript::new(self.enrolment.key.provider(), body),
                    },
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

    fn read(&mut self, body: &mut [u8]) -> Result<Option<EnrolOutcome>, Error> {
        match mem::replace(&mut self.state, State::Finished) {
            // A CA may refuse at once, instead of a challenge.
            State::ExpectChallenge { transcript } => match Response::decode(body) {
                Ok(Response::Refused(_)) => self.conclude(body).map(Some),
                _ => {
                    self.state = State::SendProof { proof: self.prove(transcript, body)? };
                    Ok(None)
                }
            },
            State::ExpectResponse => self.conclude(body).map(Some),
            _ => Err(Misuse::OutOfTurn.into()),
        }
    }
}
