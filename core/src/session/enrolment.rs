//! The request for a certificate: enrolment and renewal, at the client (protocol §4, §7).

use core::ops::Range;

use super::ca_client::{CaClient, CaRequest, RequestForm, range_in};
use super::possession::{self, Context};
use super::{Error, PeerMisbehaved};
use crate::bytes::{BufferTooSmall, Secret};
use crate::cert::{self, Anchor, Certificate, IdBuf};
use crate::crypto::{KeyPair, Portable, Provider, x25519};
use crate::limits::KEY;
use crate::link::Misuse;
use crate::time::Now;
use crate::trust::{RevocationCheck, Serial};
use crate::wire::enrolment::{RenewRequest, Request};
use crate::wire::{Code, Response};

/// The form of an enrolment.
#[derive(Clone, Debug)]
pub enum EnrolForm<'k, P: Provider = Portable> {
    /// One request and one response; nothing is proven. The CA must run in its open mode.
    Classic,
    /// With proof of possession, and with a token if there is one.
    Proven {
        /// SHA-256 of the token's text.
        token: Option<Secret<32>>,
    },
    /// A renewal: with proof of possession of the current key and of the new one. They may be the same.
    Renewal {
        /// The serial number of the current certificate, 1..=2^53-1.
        serial_number: Serial,
        /// The key of the current certificate.
        current: &'k KeyPair<P>,
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
    pub form: EnrolForm<'k, P>,
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
/// use minipki_core::limits::FRAME_BODY;
/// use minipki_core::link::Machine;
/// use minipki_core::session::{
///     CaServer, ClientRequest, EnrolClient, EnrolForm, EnrolOutcome, Enrolment,
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
/// let mut ca = CaServer::new(Portable::new());
///
/// let mut body = [0; FRAME_BODY];
/// let len = client.write(&mut body)?;
/// assert!(matches!(ca.read(&mut body[..len])?, Some(ClientRequest::Challenge { .. })));
/// let len = ca.challenge(&mut rng, &mut body)?;
/// assert_eq!(client.read(&mut body[..len])?, None);
/// let len = client.write(&mut body)?;
/// let Some(ClientRequest::Proven { possession, .. }) = ca.read(&mut body[..len])? else {
///     return Err("no proof".into());
/// };
/// assert!(possession.proves(&[anchor.fingerprint()], None)?);
/// let len = ca.issue(SENSOR, &mut body)?;
/// let Some(EnrolOutcome::Issued(range)) = client.read(&mut body[..len])? else { return Err("refused".into()) };
/// assert_eq!(&body[range], SENSOR);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type EnrolClient<'k, P> = CaClient<Enrolment<'k, P>>;

impl<P: Provider> Enrolment<'_, P> {
    /// Accepts only a genuine certificate for the requested name and key. Returns the error of its validity period, if
    /// it is not valid now.
    fn check(&self, text: &[u8]) -> Result<Option<cert::Error>, Error> {
        let certificate = Certificate::parse(text)?;
        // The time is checked last, so an error about it is about a genuine certificate.
        let Self { key, anchor, now, .. } = *self;
        let time = match cert::verify(key.provider(), anchor, &certificate, now, RevocationCheck::NotChecked)
        {
            Ok(_) => None,
            Err(error @ cert::Error::Validity(_)) => Some(error),
            Err(error) => return Err(error.into()),
        };
        certificate.require_subject(self.subject_id.as_id())?;
        certificate.require_key(key.public())?;
        Ok(time)
    }
}

impl<P: Provider> CaRequest for Enrolment<'_, P> {
    type Provider = P;
    type Outcome = EnrolOutcome;

    fn provider(&self) -> P {
        self.key.provider()
    }

    fn form(&self) -> RequestForm {
        match self.form {
            EnrolForm::Classic => RequestForm::Plain,
            EnrolForm::Proven { .. } | EnrolForm::Renewal { .. } => RequestForm::Proven,
        }
    }

    fn encode(&self, nonce: Option<[u8; KEY]>, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let (subject_id, subject_key) = (self.subject_id.as_id(), *self.key.public());
        match (&self.form, nonce) {
            (EnrolForm::Renewal { serial_number, .. }, Some(nonce)) => {
                RenewRequest { subject_id, subject_key, serial_number: *serial_number, nonce }.encode(out)
            }
            _ => Request { subject_id, subject_key, nonce }.encode(out),
        }
    }

    fn prove(&self, share: &x25519::PublicKey, transcript: &[u8; 32]) -> Result<Secret<32>, Error> {
        let provider = self.key.provider();
        let context = Context { transcript: *transcript, pinned: self.anchor.fingerprint() };
        let shared = self.key.agree(share.as_bytes())?;
        Ok(match &self.form {
            EnrolForm::Classic => return Err(Misuse::OutOfTurn.into()),
            EnrolForm::Proven { token } => {
                let salt = token.as_ref().map_or(&[][..], |token| token.expose());
                context.proof(provider, possession::ENROL, salt, &shared)?
            }
            EnrolForm::Renewal { current, .. } => {
                let salt = possession::renewal_salt(provider, &current.agree(share.as_bytes())?);
                context.proof(provider, possession::RENEW, salt.expose(), &shared)?
            }
        })
    }

    fn conclude(&self, _: Option<&[u8; KEY]>, body: &[u8]) -> Result<EnrolOutcome, Error> {
        match Response::decode(body)? {
            Response::Issued(text) => Ok(match self.check(text)? {
                None => EnrolOutcome::Issued(range_in(body, text)),
                Some(error) => EnrolOutcome::OutOfTime { certificate: range_in(body, text), error },
            }),
            Response::Refused(refusal) => Ok(EnrolOutcome::Refused {
                code: refusal.code,
                text: range_in(body, refusal.text.as_bytes()),
            }),
            Response::Revoked(..) | Response::Status(_) | Response::Anchors(_) | Response::X509(_) => {
                Err(PeerMisbehaved::OutOfTurn.into())
            }
        }
    }
}
