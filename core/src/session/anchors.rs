//! The request for the changes of the CA's key, at the client (protocol §7).

use core::ops::Range;

use super::ca_client::{CaClient, CaRequest, RequestForm, range_in};
use super::{Error, PeerMisbehaved};
use crate::bytes::BufferTooSmall;
use crate::cert::{self, Anchor, AnchorUpdate};
use crate::crypto::rsa::{AllSizes, Sizes};
use crate::crypto::{Portable, Provider};
use crate::limits::KEY;
use crate::wire::anchors::{AnchorsRequest, each_update};
use crate::wire::{Code, Response};

/// A request for the changes of the CA's key.
pub struct AnchorsQuery<'k, P: Provider = Portable> {
    /// The provider of the cryptography.
    pub provider: P,
    /// The pinned CA. An anchor with a fingerprint alone cannot follow a change: pin its issuer first.
    pub anchor: &'k Anchor<P::Sizes>,
}

/// The client's machine for [`AnchorsQuery`].
pub type AnchorsClient<'k, P> = CaClient<AnchorsQuery<'k, P>>;

/// The result of an [`AnchorsQuery`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "without a heap, the anchor has no other place")]
pub enum AnchorsOutcome<S: Sizes = AllSizes> {
    /// The CA names no later key. The answer is not signed, so this proves nothing.
    Unchanged,
    /// The anchor with the present key of the CA. Each change was signed by the key before it.
    Followed(Anchor<S>),
    /// The CA has refused.
    Refused {
        /// The reason for programs.
        code: Code,
        /// The range of the reason for people, in the body of the last message.
        text: Range<usize>,
    },
}

impl<P: Provider> AnchorsQuery<'_, P> {
    /// Follows the updates that continue from the pinned key.
    fn follow(&self, updates: &[u8]) -> Result<AnchorsOutcome<P::Sizes>, Error> {
        let mut anchor = self.anchor.clone();
        // Without an update, the CA does not know the change that the pinned anchor has followed.
        let mut skipped = !anchor.former_keys().is_empty();
        each_update(updates, |text| {
            let update = AnchorUpdate::parse(text)?;
            // The list begins with the first key of the CA. The pinned key can be a later one.
            skipped = update.previous_key() != anchor.fingerprint();
            if skipped { Ok(()) } else { anchor.follow(self.provider, &update).map_err(Error::from) }
        })?;
        if skipped {
            self.expect_last(updates, &anchor)?;
        }
        Ok(if anchor == *self.anchor { AnchorsOutcome::Unchanged } else { AnchorsOutcome::Followed(anchor) })
    }

    /// Checks that the last update leads to the key of `anchor`.
    fn expect_last(&self, updates: &[u8], anchor: &Anchor<P::Sizes>) -> Result<(), Error> {
        let mut last = None;
        each_update(updates, |text| {
            let key = AnchorUpdate::parse(text)?.issuer_key::<P::Sizes>()?;
            last = Some(key.fingerprint(self.provider));
            Ok::<(), Error>(())
        })?;
        match last {
            Some(last) if last == anchor.fingerprint() => Ok(()),
            Some(last) if !anchor.has_key(&last) => Err(cert::Error::UpdatePrevious.into()),
            _ => Err(cert::Error::UpdateBackwards.into()),
        }
    }
}

impl<P: Provider> CaRequest for AnchorsQuery<'_, P> {
    type Provider = P;
    type Outcome = AnchorsOutcome<P::Sizes>;

    fn provider(&self) -> P {
        self.provider
    }

    fn form(&self) -> RequestForm {
        RequestForm::Plain
    }

    fn encode(&self, _: Option<[u8; KEY]>, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        AnchorsRequest.encode(out)
    }

    fn conclude(&self, _: Option<&[u8; KEY]>, body: &[u8]) -> Result<Self::Outcome, Error> {
        match Response::decode(body)? {
            Response::Anchors(updates) => self.follow(updates),
            Response::Refused(refusal) => Ok(AnchorsOutcome::Refused {
                code: refusal.code,
                text: range_in(body, refusal.text.as_bytes()),
            }),
            _ => Err(PeerMisbehaved::OutOfTurn.into()),
        }
    }
}
