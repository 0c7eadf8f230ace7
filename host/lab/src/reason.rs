//! The values behind a refusal: what the sender has signed, hashed or sent, and what the receiver got instead.

use minipki_core::cert::{Certificate, Status};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::limits::{FRAME_HEADER, KEY, TAG};
use minipki_core::wire::channel::{self, PROLOGUE};
use minipki_core::wire::{Code, Response};

use super::relay::Flip;
use super::{MessageKind, Step};

/// The first hash of a Noise handshake: the name of the protocol (Noise §5.2).
const NOISE_NAME: &[u8; 32] = b"Noise_XX_25519_ChaChaPoly_SHA256";

/// The values that show why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The length of the body in the frame's prefix, in bytes: as it was sent, and as it arrived.
    Length {
        /// As it was sent.
        sent: u32,
        /// As it arrived.
        arrived: u32,
    },
    /// The SHA-256 of a signed text. The two are equal if only the signature was changed.
    Signed {
        /// The digest of the text that the CA has signed.
        signed: [u8; 32],
        /// The digest of the text that arrived.
        arrived: [u8; 32],
    },
    /// The hash over the messages until now: `H` of a proof (protocol §4), or `h` of a handshake (Noise §5.2).
    Transcript {
        /// At the sender of the changed message.
        sender: [u8; 32],
        /// At its receiver.
        receiver: [u8; 32],
    },
    /// A changed proof. Both sides have the same `H`.
    Proof {
        /// `H` at both sides.
        transcript: [u8; 32],
    },
    /// The tag of a changed ciphertext. The two are equal if the tag was not changed, but the ciphertext before it.
    Tag {
        /// As it was sent.
        sent: Vec<u8>,
        /// As it arrived.
        arrived: Vec<u8>,
    },
    /// The message does not have the form, or the content, that the receiver expects.
    Form,
}

impl Reason {
    /// The reason why the change `flip` of the message `changed` in `steps` was refused. `is_of_signature` says whether
    /// a signature of the CA did not fit, and `code` is the code of the refusal.
    pub(super) fn of(
        steps: &[Step],
        changed: usize,
        flip: Flip,
        is_of_signature: bool,
        code: Option<&str>,
    ) -> Self {
        Self::find(steps, changed, flip, is_of_signature, code).unwrap_or(Self::Form)
    }

    fn find(
        steps: &[Step],
        changed: usize,
        flip: Flip,
        is_of_signature: bool,
        code: Option<&str>,
    ) -> Option<Self> {
        let step = steps.get(changed)?;
        let (sent, mut arrived) = (&step.frame[..], step.frame.clone());
        let byte = arrived.get_mut(flip.offset)?;
        *byte = flip.apply(*byte);
        let arrived = &arrived[..];
        let refused = |wanted: Code| code == Some(wanted.as_str());
        match step.kind {
            _ if flip.offset < FRAME_HEADER => {
                let length = |frame: &[u8]| frame.first_chunk().map(|prefix| u32::from_be_bytes(*prefix));
                Some(Self::Length { sent: length(sent)?, arrived: length(arrived)? })
            }
            MessageKind::Record(_) | MessageKind::Close(_) => Some(Self::tag(sent, arrived)),
            MessageKind::Handshake1 | MessageKind::Handshake2 | MessageKind::Handshake3
                if refused(Code::HandshakeFailed) =>
            {
                Self::handshake(steps, step.kind, sent, arrived)
            }
            MessageKind::Granted | MessageKind::Status if is_of_signature => {
                Some(Self::Signed { signed: signed_text(sent)?, arrived: signed_text(arrived)? })
            }
            MessageKind::EnrollProof if refused(Code::ProofFailed) => {
                Some(Self::Proof { transcript: sha256(&[&steps.first()?.frame, &steps.get(1)?.frame]) })
            }
            _ if refused(Code::ProofFailed) => {
                let hash = |frame: &[u8]| {
                    let frames = [&steps.first()?.frame[..], &steps.get(1)?.frame];
                    Some(sha256(&if changed == 0 { [frame, frames[1]] } else { [frames[0], frame] }))
                };
                Some(Self::Transcript { sender: hash(sent)?, receiver: hash(arrived)? })
            }
            _ => None,
        }
    }

    /// The reason in a handshake: another hash for a changed ephemeral key, a tag for a changed ciphertext.
    fn handshake(steps: &[Step], kind: MessageKind, sent: &[u8], arrived: &[u8]) -> Option<Self> {
        let first = |frame: &[u8]| {
            let noise = noise_message(channel::Step::One, frame)?;
            let (key, payload) = noise.split_at_checked(KEY)?;
            Some(mix(mix(mix(*NOISE_NAME, PROLOGUE), key), payload))
        };
        let second = |frame: &[u8]| {
            let noise = noise_message(channel::Step::Two, frame)?;
            Some(mix(first(&steps.first()?.frame)?, noise.get(..KEY)?))
        };
        let (step, ends) = match kind {
            MessageKind::Handshake1 => {
                return Some(Self::Transcript { sender: first(sent)?, receiver: first(arrived)? });
            }
            MessageKind::Handshake2 => {
                let (sender, receiver) = (second(sent)?, second(arrived)?);
                if sender != receiver {
                    return Some(Self::Transcript { sender, receiver });
                }
                (channel::Step::Two, 2 * KEY + TAG)
            }
            _ => (channel::Step::Three, KEY + TAG),
        };
        let (sent, arrived) = (noise_message(step, sent)?, noise_message(step, arrived)?);
        let at = sent.iter().zip(&arrived).position(|(sent, arrived)| sent != arrived)?;
        // The static key has a tag of its own, and the payload after it.
        let within = if at < ends { 0..ends } else { 0..sent.len() };
        Some(Self::tag(sent.get(within.clone())?, arrived.get(within)?))
    }

    /// The tags at the ends of two ciphertexts.
    fn tag(sent: &[u8], arrived: &[u8]) -> Self {
        let tag = |text: &[u8]| text.get(text.len().saturating_sub(TAG)..).unwrap_or_default().to_vec();
        Self::Tag { sent: tag(sent), arrived: tag(arrived) }
    }
}

/// The Noise message in the frame of message `step`.
fn noise_message(step: channel::Step, frame: &[u8]) -> Option<Vec<u8>> {
    let mut body = frame.get(FRAME_HEADER..)?.to_vec();
    let range = channel::decode(step, &mut body).ok()?;
    body.get(range).map(<[u8]>::to_vec)
}

/// `MixHash` (Noise §5.2).
fn mix(hash: [u8; 32], data: &[u8]) -> [u8; 32] {
    sha256(&[&hash, data])
}

/// The SHA-256 of the signed text in the frame of a response.
fn signed_text(frame: &[u8]) -> Option<[u8; 32]> {
    match Response::decode(frame.get(FRAME_HEADER..)?).ok()? {
        Response::Issued(text) => Some(sha256(&Certificate::parse(text).ok()?.signed_slices())),
        Response::Status(text) => Some(sha256(&Status::parse(text).ok()?.signed_slices())),
        _ => None,
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Portable::new().sha256(parts)
}
