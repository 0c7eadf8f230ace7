//! The status of the device's own certificate, which it shows to peers with the certificate (protocol §7, stapling).

use core::time::Duration;

use minipki_core::cert::{Anchor, Certificate, Id, Status, verify_status};
use minipki_core::session::{StatusOutcome, StatusQuery};
use minipki_core::time::Now;
use minipki_core::trust::{CertStatus, RevocationReason, RevocationStatus, Serial, StatusError, StatusRule};

use crate::anchor;
use crate::board::{Board, Record, Sizes};
use crate::ca::Ca;
use crate::config::Config;
use crate::enrol;
use crate::exit::Exit;
use crate::memory::Memory;

/// The longest wait for the CA. Without an answer the device shows the status that it has stored.
const WAIT: Duration = Duration::from_secs(5);

/// Asks the CA for the status of the device's certificate, whose `len` bytes are in `memory`. Puts the certificate and
/// its status together there, and returns the length of both. Without a usable status the certificate stays alone.
///
/// # Errors
/// [`Exit::Revoked`] if the CA has revoked the certificate; [`Exit::Storage`].
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn staple<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &mut Ca<B>,
    len: usize,
    memory: &mut Memory,
    board: &mut B,
) -> Result<usize, Exit> {
    let now = ca.now(board);
    let certificate = memory.parts().1.get(..len).unwrap_or_default();
    let serial = Certificate::parse(certificate).map_err(|_| Exit::Internal)?.serial_number();
    // The status of a certificate is by the key that has signed the certificate.
    let issuer = anchor::of_issuer(board.crypto(), certificate)?;
    let stored = board.load(Record::Status, memory.status()).map_err(|_| Exit::Storage)?;
    let known = match ask(config, ca, (&issuer, serial), memory, board) {
        Ok(()) => true,
        Err(Exit::Storage) => return Err(Exit::Storage),
        Err(exit) => {
            board.report(format_args!("status: not from the CA, since {exit}"));
            stored.is_some() && is_genuine(&issuer, serial, text(memory.status()), board)
        }
    };
    let status = Status::parse(text(memory.status())).ok().filter(|_| known);
    let Some(status) = status else {
        board.report(format_args!("status: none to show"));
        return Ok(len);
    };
    ca.learn_from_status((status.number(), status.this_update()), now, board)?;
    let (Now::Exact(at) | Now::AtLeast(at)) = now;
    let next_update = status.next_update();
    let reason = match status.status() {
        // A revocation is for ever, but a hold may have been removed.
        CertStatus::Revoked(revocation)
            if at <= next_update || revocation.reason != RevocationReason::CertificateHold =>
        {
            board.report(format_args!("status: {}", StatusError::Revoked(revocation)));
            return Err(Exit::Revoked);
        }
        _ if at > next_update => StatusError::Outdated { now: at, next_update },
        CertStatus::Good => {
            board.report(format_args!("status: not revoked at {}", status.this_update()));
            let status_len = status.text().len();
            return memory.staple(len, status_len).map_err(|_| Exit::Internal);
        }
        _ => StatusError::Unknown,
    };
    board.report(format_args!("status: none to show, since {reason}"));
    Ok(len)
}

/// Asks the CA, verifies the answer, and stores it. It is then in `memory` too. It must not be earlier than another status
/// of the CA.
///
/// # Errors
/// The reason why there is no new status. Then `memory` has the stored one.
#[inline(never)] // As above.
fn ask<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &Ca<B>,
    (anchor, serial_number): (&Anchor<Sizes<B>>, Serial),
    memory: &mut Memory,
    board: &mut B,
) -> Result<(), Exit> {
    let query = StatusQuery { provider: board.crypto(), serial_number, anchor, nonce: false };
    let (buffers, place) = memory.status_parts();
    let (link, outcome) = enrol::ask(config, query, config.deadline.min(WAIT), buffers, board)?;
    let range = match outcome {
        StatusOutcome::Status(range) => range,
        StatusOutcome::Refused { code, text } => {
            return Err(enrol::refused(code, link.body().get(text), board));
        }
    };
    let new = link.body().get(range).unwrap_or_default();
    let number = Status::parse(new).map_err(|_| Exit::Internal)?.number();
    if number < ca.status_policy(StatusRule::Optional).lowest_number {
        return Err(Exit::Replayed);
    }
    if text(place) == new {
        return Ok(());
    }
    // Never too long: `limits::STATUS` holds any status that verifies.
    let (text, rest) = place.split_at_mut_checked(new.len()).ok_or(Exit::CertificateRefused)?;
    text.copy_from_slice(new);
    rest.fill(0);
    board.store(Record::Status, place).map_err(|_| Exit::Storage)
}

/// Whether a stored status is by the CA, and about this certificate.
#[inline(never)] // As above.
fn is_genuine<B: Board>(anchor: &Anchor<Sizes<B>>, serial: Serial, text: &[u8], board: &B) -> bool {
    let verify = |status| verify_status(board.crypto(), anchor, &status, serial, None);
    Status::parse(text).and_then(verify).is_ok()
}

/// The text at the start of the record. Zeros fill the rest.
fn text(record: &[u8]) -> &[u8] {
    record.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reports what is known about the revocation of a peer's certificate, and learns from its status.
///
/// # Errors
/// [`Exit::Storage`] if that cannot be stored.
pub(crate) fn note_peer<B: Board>(
    ca: &mut Ca<B>,
    (peer, revocation): (Id<'_>, RevocationStatus),
    now: Now,
    board: &mut B,
) -> Result<(), Exit> {
    match revocation {
        RevocationStatus::Good { this_update, number, .. } => {
            board.report(format_args!("revocation: {peer} was not revoked at {this_update}"));
            ca.learn_from_status((number, this_update), now, board)
        }
        RevocationStatus::NoStatus(reason) => {
            board.report(format_args!("revocation: not known of {peer}, since {reason}"));
            Ok(())
        }
        RevocationStatus::NotChecked => Ok(()),
    }
}
