//! The verdict on a changed byte: who refused it, by which check, and why, with the values.

use minipki_lab::{Reason, Refusal};
use minipki_net::trace::explain::hex;

use super::arrow::Arrow;

/// The number of shown bytes of a hash.
const SHOWN: usize = 8;

/// The outcome of a changed byte.
pub(super) struct Verdict {
    pub(super) refusal: Refusal,
    /// The changed byte, for the user.
    pub(super) sent: String,
    pub(super) arrived: String,
    pub(super) travelled: Vec<Arrow>,
}

impl Verdict {
    pub(super) fn new(refusal: Refusal) -> Self {
        let (sent, arrived) = (shown(refusal.sent), shown(refusal.arrived));
        Self { travelled: refusal.travelled.iter().map(Arrow::new).collect(), refusal, sent, arrived }
    }

    /// The reason for the refusal, with the values of both sides.
    pub(super) fn why(&self) -> String {
        let by = self.refusal.by.name();
        let (from, to) =
            self.travelled.first().map_or(("the sender", by), |arrow| (arrow.from.name(), arrow.to.name()));
        match &self.refusal.reason {
            Reason::Length { sent, arrived } => format!(
                "The first four bytes of a frame are its length. {from} sent a body of {sent} bytes, and the prefix that \
                 arrived says {arrived}. So {to} looks for the end of the message in the wrong place."
            ),
            Reason::Signed { signed, arrived } if signed == arrived => format!(
                "The CA has signed the text with the SHA-256 {}, and this text arrived. The signature beside it is \
                 another one, and {by} finds that it does not fit to this digest.",
                hex(signed)
            ),
            Reason::Signed { signed, arrived } => format!(
                "The CA has signed the text with the SHA-256 {}. The text that arrived has the SHA-256 {}. The signature \
                 fits only to the first one.",
                hex(signed),
                hex(arrived)
            ),
            Reason::Transcript { sender, receiver } => format!(
                "Both sides hash the messages. {from} has hashed what it sent: {}. {to} has hashed what arrived: {}. All \
                 that is derived from the hash differs too, so {by} refuses the next value that must fit it.",
                begin(sender),
                begin(receiver)
            ),
            Reason::Proof { transcript } => format!(
                "Both sides have the same hash of the two messages before: {}. The proof is a tag over this hash, with a \
                 key that only the two can compute. {by} computes the tag too, and another one arrived.",
                begin(transcript)
            ),
            Reason::Tag { sent, arrived } if sent == arrived => format!(
                "The tag that arrived, {}, belongs to the ciphertext that {from} sent. {by} computes the tag over the \
                 ciphertext that arrived, gets another one, and decrypts nothing.",
                hex(sent)
            ),
            Reason::Tag { sent, arrived } => format!(
                "{from} computed the tag {} over the ciphertext. The tag {} arrived. {by} computes the tag too, sees that \
                 it does not fit, and decrypts nothing.",
                hex(sent),
                hex(arrived)
            ),
            Reason::Form => format!(
                "A message must be canonical JSON with known fields, each value must have its one encoding, and an answer \
                 must fit the request. The check above says which of these {by} found broken after the change."
            ),
        }
    }
}

/// The first bytes of a hash, in hexadecimal.
fn begin(hash: &[u8; 32]) -> String {
    format!("{}…", hex(&hash[..SHOWN]))
}

/// A byte as a character and in hexadecimal: `'a' (61)`.
fn shown(byte: u8) -> String {
    match byte {
        b' '..=b'~' => format!("'{}' ({byte:02x})", char::from(byte)),
        _ => format!("{byte:02x}"),
    }
}
