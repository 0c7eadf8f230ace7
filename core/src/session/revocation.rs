//! The requests about revocation, at the client: revocation by the holder, and status (protocol §7).

use core::ops::Range;

use super::ca_client::{CaClient, CaRequest, RequestForm, range_in};
use super::possession::{self, Context};
use super::{Error, PeerMisbehaved};
use crate::bytes::{BufferTooSmall, Secret};
use crate::cert::{Anchor, Status, verify_status};
use crate::crypto::{KeyPair, Portable, Provider, x25519};
use crate::keys::Fingerprint;
use crate::limits::KEY;
use crate::trust::{Revocation, RevocationReason, Serial};
use crate::wire::revocation::{RevokeRequest, StatusRequest};
use crate::wire::{Code, Response};

/// A request of the holder to revoke a certificate.
pub struct HolderRevocation<'k, P: Provider = Portable> {
    /// The serial number of the certificate, 1..=2^53-1.
    pub serial_number: Serial,
    /// The reason. A CA refuses [`RevocationReason::RemoveFromHold`].
    pub reason: RevocationReason,
    /// The key of the certificate.
    pub key: &'k KeyPair<P>,
    /// The fingerprint of the CA's key.
    pub issuer: Fingerprint,
}

/// The client's machine for [`HolderRevocation`].
pub type RevokeClient<'k, P> = CaClient<HolderRevocation<'k, P>>;

/// The result of a [`HolderRevocation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeOutcome {
    /// The certificate is revoked. The CA has stated this without a signature: ask for the status to verify it.
    Revoked(Revocation),
    /// The CA has refused.
    Refused {
        /// The reason for programs.
        code: Code,
        /// The range of the reason for people, in the body of the last message.
        text: Range<usize>,
    },
}

impl<P: Provider> CaRequest for HolderRevocation<'_, P> {
    type Provider = P;
    type Outcome = RevokeOutcome;

    fn provider(&self) -> P {
        self.key.provider()
    }

    fn form(&self) -> RequestForm {
        RequestForm::Proven
    }

    fn encode(&self, nonce: Option<[u8; KEY]>, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let Self { serial_number, reason, .. } = *self;
        // The machine draws a nonce for this form.
        RevokeRequest { serial_number, reason, nonce: nonce.unwrap_or_default() }.encode(out)
    }

    fn prove(&self, share: &x25519::PublicKey, transcript: &[u8; 32]) -> Result<Secret<32>, Error> {
        let context = Context { transcript: *transcript, pinned: self.issuer };
        let shared = self.key.agree(share.as_bytes())?;
        Ok(context.proof(self.key.provider(), possession::REVOKE, &[], &shared)?)
    }

    fn conclude(&self, _: Option<&[u8; KEY]>, body: &[u8]) -> Result<RevokeOutcome, Error> {
        match Response::decode(body)? {
            Response::Revoked(serial, revocation) if serial == self.serial_number => {
                Ok(RevokeOutcome::Revoked(revocation))
            }
            Response::Refused(refusal) => Ok(RevokeOutcome::Refused {
                code: refusal.code,
                text: range_in(body, refusal.text.as_bytes()),
            }),
            _ => Err(PeerMisbehaved::OutOfTurn.into()),
        }
    }
}

/// A request for the status of a certificate.
pub struct StatusQuery<'k, P: Provider = Portable> {
    /// The provider of the cryptography.
    pub provider: P,
    /// The serial number of the certificate, 1..=2^53-1.
    pub serial_number: Serial,
    /// The CA. An anchor with a fingerprint alone is refused: pin its issuer first.
    pub anchor: &'k Anchor<P::Sizes>,
    /// Whether the request has a nonce. With a nonce the status is new. Without one, the CA may send an earlier status
    /// that is still in its period, and the status can be shown to peers.
    pub nonce: bool,
}

/// The client's machine for [`StatusQuery`].
pub type StatusClient<'k, P> = CaClient<StatusQuery<'k, P>>;

/// The result of a [`StatusQuery`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusOutcome {
    /// The range of the status in the body of the last message: by this CA, about this certificate, with this nonce.
    /// Its statement and its time are not checked.
    Status(Range<usize>),
    /// The CA has refused.
    Refused {
        /// The reason for programs.
        code: Code,
        /// The range of the reason for people, in the body of the last message.
        text: Range<usize>,
    },
}

impl<P: Provider> CaRequest for StatusQuery<'_, P> {
    type Provider = P;
    type Outcome = StatusOutcome;

    fn provider(&self) -> P {
        self.provider
    }

    fn form(&self) -> RequestForm {
        if self.nonce { RequestForm::Nonce } else { RequestForm::Plain }
    }

    fn encode(&self, nonce: Option<[u8; KEY]>, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        StatusRequest { serial_number: self.serial_number, nonce }.encode(out)
    }

    fn conclude(&self, nonce: Option<&[u8; KEY]>, body: &[u8]) -> Result<StatusOutcome, Error> {
        match Response::decode(body)? {
            Response::Status(text) => {
                let status = Status::parse(text)?;
                verify_status(self.provider, self.anchor, &status, self.serial_number, nonce)?;
                Ok(StatusOutcome::Status(range_in(body, text)))
            }
            Response::Refused(refusal) => Ok(StatusOutcome::Refused {
                code: refusal.code,
                text: range_in(body, refusal.text.as_bytes()),
            }),
            _ => Err(PeerMisbehaved::OutOfTurn.into()),
        }
    }
}
