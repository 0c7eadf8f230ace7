//! A message as an arrow of the sequence diagram.

use crate::pages::message::refusal_code;
use minipki_lab::{MessageKind, Participant, Step};

/// A message in the sequence diagram.
pub(super) struct Arrow {
    pub(super) from: Participant,
    pub(super) to: Participant,
    pub(super) kind: MessageKind,
    /// The code of a refusal.
    pub(super) code: Option<String>,
}

impl Arrow {
    pub(super) fn new(step: &Step) -> Self {
        Self { from: step.from, to: step.to, kind: step.kind, code: refusal_code(step.body()) }
    }

    /// The CSS classes for its two lifelines and its direction. The CA and mallory are between alice and bob.
    pub(super) const fn classes(&self) -> &'static str {
        match (self.from, self.to) {
            (Participant::Alice, Participant::Ca | Participant::Mallory) => "alice-ca forth",
            (Participant::Ca | Participant::Mallory, Participant::Alice) => "alice-ca back",
            (Participant::Ca | Participant::Mallory, Participant::Bob) => "ca-bob forth",
            (Participant::Bob, Participant::Ca | Participant::Mallory) => "ca-bob back",
            (Participant::Alice, _) => "alice-bob forth",
            _ => "alice-bob back",
        }
    }
}
