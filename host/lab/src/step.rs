//! The steps of a scenario. Each step is one message, with notes on its two ends.

use minipki_core::limits::{FRAME_HEADER, TAG};
use minipki_net::trace::reading;

use super::Participant;
use super::relay::Forwarded;

/// The kind of a message, by its type in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The request of an enrolment.
    EnrollRequest,
    /// The CA's challenge.
    EnrollChallenge,
    /// The proof of possession.
    EnrollProof,
    /// The CA's response with a certificate.
    Granted,
    /// The request to renew a certificate.
    RenewRequest,
    /// The request of the holder to revoke a certificate.
    RevokeRequest,
    /// The CA's response to a revocation.
    Revoked,
    /// The request for a status.
    StatusRequest,
    /// The CA's response with a status.
    Status,
    /// The request for the changes of the CA's key.
    AnchorsRequest,
    /// The CA's response with the changes of its key.
    Anchors,
    /// A refusal of a request or a handshake.
    Refused,
    /// The first message of the handshake.
    Handshake1,
    /// The second message of the handshake.
    Handshake2,
    /// The third message of the handshake, the last one without encryption.
    Handshake3,
    /// An encrypted message, with its number in its direction, from 0.
    Record(u64),
    /// The empty encrypted message that ends its direction, with its number in this direction, from 0.
    Close(u64),
    /// A frame that is not a message.
    Unknown,
}

impl MessageKind {
    const IN_CLEAR: [Self; 15] = [
        Self::EnrollRequest,
        Self::EnrollChallenge,
        Self::EnrollProof,
        Self::Granted,
        Self::RenewRequest,
        Self::RevokeRequest,
        Self::Revoked,
        Self::StatusRequest,
        Self::Status,
        Self::AnchorsRequest,
        Self::Anchors,
        Self::Refused,
        Self::Handshake1,
        Self::Handshake2,
        Self::Handshake3,
    ];

    /// The name for the user: the type of the message, if it has one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnrollRequest => "enroll_request",
            Self::EnrollChallenge => "enroll_challenge",
            Self::EnrollProof => "enroll_proof",
            Self::Granted => "granted",
            Self::RenewRequest => "renew_request",
            Self::RevokeRequest => "revoke_request",
            Self::Revoked => "revoked",
            Self::StatusRequest => "status_request",
            Self::Status => "status",
            Self::AnchorsRequest => "anchors_request",
            Self::Anchors => "anchors",
            Self::Refused => "refused",
            Self::Handshake1 => "handshake_1",
            Self::Handshake2 => "handshake_2",
            Self::Handshake3 => "handshake_3",
            Self::Record(_) => "encrypted message",
            Self::Close(_) => "close",
            Self::Unknown => "not a message",
        }
    }

    /// The number of an encrypted message in its direction, from 0; `None` without encryption.
    pub const fn record(self) -> Option<u64> {
        match self {
            Self::Record(number) | Self::Close(number) => Some(number),
            _ => None,
        }
    }

    fn in_clear(name: &str) -> Self {
        Self::IN_CLEAR.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Unknown)
    }
}

/// The exchange that a message belongs to. It can be run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The enrolment of this client.
    Enrolment(Participant),
    /// The channel between the clients.
    Channel,
    /// Alice renews her certificate.
    Renewal,
    /// Bob revokes his certificate, and asks for its status.
    Revocation,
    /// Alice asks for the changes of the CA's key.
    Anchors,
    /// Mallory attacks bob. No scenario has it.
    Attack,
    /// Alice connects, and mallory answers. No scenario has it.
    Intercepted,
}

impl Exchange {
    /// The side that opens the connection, and the other side.
    pub(super) const fn sides(self) -> (Participant, Participant) {
        match self {
            Self::Enrolment(client) => (client, Participant::Ca),
            Self::Channel => (Participant::Alice, Participant::Bob),
            Self::Renewal | Self::Anchors => (Participant::Alice, Participant::Ca),
            Self::Revocation => (Participant::Bob, Participant::Ca),
            Self::Attack => (Participant::Mallory, Participant::Bob),
            Self::Intercepted => (Participant::Alice, Participant::Mallory),
        }
    }
}

/// One message, with notes on its two ends.
#[derive(Clone, Debug)]
pub struct Step {
    /// The exchange.
    pub(super) exchange: Exchange,
    /// The sender.
    pub from: Participant,
    /// The receiver.
    pub to: Participant,
    /// The kind of the message.
    pub kind: MessageKind,
    /// The frame as it was sent: length prefix and body.
    pub frame: Vec<u8>,
    /// The plaintext of the encrypted part of the frame.
    pub plaintext: Option<Vec<u8>>,
    /// The notes that precede the message.
    pub before: Vec<Note>,
    /// The notes that follow the message.
    pub after: Vec<Note>,
}

/// A note on an action or the knowledge of a participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The participant.
    pub by: Participant,
    /// The rest of a sentence that begins with the name of the participant.
    pub text: String,
}

impl Step {
    /// The steps of one exchange, without notes.
    pub(super) fn all(frames: Vec<Forwarded>, exchange: Exchange) -> Vec<Self> {
        let (near, far) = exchange.sides();
        let mut records = [0; 2];
        let mut encrypted = false;
        frames
            .into_iter()
            .map(|Forwarded { from_caller, frame }| {
                let body = body(&frame);
                let kind = match reading::message(body) {
                    Ok(reading) => MessageKind::in_clear(reading.name),
                    Err(_) if encrypted => {
                        let next = &mut records[usize::from(from_caller)];
                        let number = *next;
                        *next += 1;
                        // An empty plaintext gives only a tag.
                        if body.len() == TAG {
                            MessageKind::Close(number)
                        } else {
                            MessageKind::Record(number)
                        }
                    }
                    Err(_) => MessageKind::Unknown,
                };
                encrypted |= kind == MessageKind::Handshake3;
                let (from, to) = if from_caller { (near, far) } else { (far, near) };
                Self {
                    exchange,
                    from,
                    to,
                    kind,
                    frame,
                    plaintext: None,
                    before: Vec::new(),
                    after: Vec::new(),
                }
            })
            .collect()
    }

    /// The body of the frame.
    pub fn body(&self) -> &[u8] {
        body(&self.frame)
    }

    pub(super) fn note_before(&mut self, by: Participant, text: impl Into<String>) {
        self.before.push(Note { by, text: text.into() });
    }

    pub(super) fn note_after(&mut self, by: Participant, text: impl Into<String>) {
        self.after.push(Note { by, text: text.into() });
    }
}

fn body(frame: &[u8]) -> &[u8] {
    frame.get(FRAME_HEADER..).unwrap_or_default()
}
