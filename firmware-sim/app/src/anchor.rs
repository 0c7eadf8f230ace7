//! The change of the CA's key (protocol §7, after RFC 4210 §4.4).
//!
//! The device was given the fingerprint of one key. The CA signs its next key with the key before it, so the device can
//! follow any number of changes, and never goes back. A former key still verifies the certificates that it has signed
//! before. Another fingerprint in the configuration is a new beginning: the record does not count any more.

use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::Provider;
use minipki_core::crypto::rsa;
use minipki_core::session::{AnchorsOutcome, AnchorsQuery};
use minipki_core::wire::channel::Payload;

use crate::board::Board;
use crate::ca::Ca;
use crate::config::Config;
use crate::enrol;
use crate::exit::Exit;
use crate::memory::Memory;

/// The anchor with the key that has signed the device's own certificate, which was verified in this run.
///
/// # Errors
/// [`Exit::Internal`], for a certificate that was not.
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn of_issuer<P: Provider>(crypto: P, own: &[u8]) -> Result<Anchor<P::Sizes>, Exit> {
    let payload = Payload::decode(own).map_err(|_| Exit::Internal)?;
    let certificate = Certificate::parse(payload.certificate).map_err(|_| Exit::Internal)?;
    let key: rsa::PublicKey<P::Sizes> = certificate.issuer_key().map_err(|_| Exit::Internal)?;
    Ok(Anchor::from_key(crypto, certificate.issuer_id(), key))
}

/// Asks the CA whether it has changed its key, and follows it. The first `len` bytes of the certificate in `memory` are the
/// device's own certificate, or that and its status. Returns whether there is a later key than the pinned one.
///
/// # Errors
/// The reason why the CA did not answer, or the check that the answer failed; [`Exit::Storage`].
#[inline(never)] // As above.
pub(crate) fn follow<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &mut Ca<B>,
    len: usize,
    memory: &mut Memory,
    board: &mut B,
) -> Result<bool, Exit> {
    let (buffers, own) = memory.parts();
    // The key of the own certificate begins the chain: it is the pinned key, or a former one.
    let mut issuer = of_issuer(board.crypto(), own.get(..len).unwrap_or_default())?;
    let begins = issuer.fingerprint();
    for key in ca.anchor.former_keys().iter().take_while(|key| key.fingerprint != begins) {
        issuer.add_former_key(*key).map_err(|_| Exit::Internal)?;
    }
    let query = AnchorsQuery { provider: board.crypto(), anchor: &issuer };
    let (_, outcome) = enrol::ask(config, query, config.deadline, buffers, board)?;
    match outcome {
        AnchorsOutcome::Followed(later) if later.fingerprint() != ca.anchor.fingerprint() => {
            let fingerprint = later.fingerprint();
            ca.pin(later, board)?;
            board.report(format_args!("anchor: the CA has a new key, with the fingerprint {fingerprint}"));
            Ok(true)
        }
        // A CA of an earlier version refuses the request.
        AnchorsOutcome::Followed(_) | AnchorsOutcome::Unchanged | AnchorsOutcome::Refused { .. } => Ok(false),
    }
}
