//! The request for the X.509 twin of a certificate, at the client (protocol §7).

use core::ops::Range;

use super::ca_client::{CaClient, CaRequest, RequestForm, range_in};
use super::{Error, PeerMisbehaved};
use crate::bytes::BufferTooSmall;
use crate::cert::{self, Anchor, Certificate};
use crate::crypto::{Portable, Provider};
use crate::encoding::base64;
use crate::limits::{KEY, X509_TWIN};
use crate::wire::x509::X509Request;
use crate::wire::{Code, Response};
use crate::x509::{SignatureAlgorithm, TwinError, check_twin};

/// A request for the X.509 twin of a certificate.
pub struct X509Query<'k, P: Provider = Portable> {
    /// The provider of the cryptography.
    pub provider: P,
    /// The certificate, which the caller has verified.
    pub certificate: &'k Certificate<'k>,
    /// The key of the CA that signed the certificate. An anchor with a fingerprint alone is refused: pin its issuer first.
    pub anchor: &'k Anchor<P::Sizes>,
    /// The signature algorithms that are accepted.
    pub algorithms: &'k [&'k dyn SignatureAlgorithm],
}

/// The client's machine for [`X509Query`].
pub type X509Client<'k, P> = CaClient<X509Query<'k, P>>;

/// The result of an [`X509Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum X509Outcome {
    /// The range of the twin in the body of the last message: the base64 of its DER. It is genuine, and is exactly the
    /// twin. Its time is not checked.
    Twin(Range<usize>),
    /// The CA has refused.
    Refused {
        /// The reason for programs.
        code: Code,
        /// The range of the reason for people, in the body of the last message.
        text: Range<usize>,
    },
}

impl<P: Provider> X509Query<'_, P> {
    fn check(&self, text: &str) -> Result<(), Error> {
        let mut der = [0; X509_TWIN];
        let der = base64::decode(text, &mut der).map_err(|_| TwinError::Base64)?;
        let issuer = self.anchor.key().ok_or(cert::Error::IssuerKeyMismatch)?;
        Ok(check_twin(der, self.certificate, issuer, self.algorithms)?)
    }
}

impl<P: Provider> CaRequest for X509Query<'_, P> {
    type Provider = P;
    type Outcome = X509Outcome;

    fn provider(&self) -> P {
        self.provider
    }

    fn form(&self) -> RequestForm {
        RequestForm::Plain
    }

    fn encode(&self, _: Option<[u8; KEY]>, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        X509Request { serial_number: self.certificate.serial_number() }.encode(out)
    }

    fn conclude(&self, _: Option<&[u8; KEY]>, body: &[u8]) -> Result<X509Outcome, Error> {
        match Response::decode(body)? {
            Response::X509(text) => {
                self.check(text)?;
                Ok(X509Outcome::Twin(range_in(body, text.as_bytes())))
            }
            Response::Refused(refusal) => {
                Ok(X509Outcome::Refused { code: refusal.code, text: range_in(body, refusal.text.as_bytes()) })
            }
            _ => Err(PeerMisbehaved::OutOfTurn.into()),
        }
    }
}
