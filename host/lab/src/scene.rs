//! The scenes: attacks of mallory on the clients of a scenario, each with the check that stops it.

use super::{Participant, Step};

/// An attack of mallory, who can read, stop and send messages on the network, and has no private key of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// mallory sends the messages of a recorded handshake again.
    Replay,
    /// mallory shows a certificate without its private key.
    Stolen,
    /// mallory shows a certificate by a CA that has the same name as the trusted one.
    OtherCa,
    /// mallory shows a certificate after its end.
    Expired,
    /// mallory answers alice in place of bob.
    Middle,
}

/// A scene that was run.
#[derive(Clone, Debug)]
pub struct Attacked {
    /// The scene.
    pub scene: Scene,
    /// The steps of mallory, each in a sentence.
    pub told: Vec<String>,
    /// All messages, in order.
    pub steps: Vec<Step>,
    /// The participant whose check refused mallory.
    pub by: Participant,
    /// The text of that check's error.
    pub check: String,
    /// The code in the refusal to mallory, if one was sent.
    pub code: Option<&'static str>,
}

impl Scene {
    /// All scenes.
    pub const ALL: [Self; 5] = [Self::Replay, Self::Stolen, Self::OtherCa, Self::Expired, Self::Middle];

    /// The name in a form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Stolen => "stolen",
            Self::OtherCa => "other-ca",
            Self::Expired => "expired",
            Self::Middle => "middle",
        }
    }

    /// The scene with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scene| scene.name() == name)
    }

    /// The title for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Replay => "Replay",
            Self::Stolen => "Stolen certificate",
            Self::OtherCa => "Other CA",
            Self::Expired => "Expired certificate",
            Self::Middle => "Man in the middle",
        }
    }

    /// The attack of mallory, in one sentence.
    pub const fn attack(self) -> &'static str {
        match self {
            Self::Replay => {
                "mallory records the handshake of alice with bob, and later sends its messages to bob again."
            }
            Self::Stolen => {
                "mallory has a copy of alice's certificate, and shows it to bob with a key of its own."
            }
            Self::OtherCa => {
                "mallory makes a CA with the same name as the trusted one, and shows bob a certificate for alice by that CA."
            }
            Self::Expired => {
                "mallory shows bob a certificate that the trusted CA has signed, and that ended long ago."
            }
            Self::Middle => {
                "mallory stands between alice and bob, takes the certificate that bob sends, and answers alice in his place."
            }
        }
    }

    /// Why the check stops the attack.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Replay => {
                "bob makes a new ephemeral key for each connection. So the keys of this handshake are not those of the \
                 recorded one. The tag of the recorded message 3 belongs to the old keys, and mallory cannot make a new \
                 one without alice's private key."
            }
            Self::Stolen => {
                "A certificate is public, and it names the key of its holder. Noise proves which private key the sender \
                 has. bob compares the two keys: the certificate names alice's key, and the sender has another one."
            }
            Self::OtherCa => {
                "Everybody can choose the name of a CA. So bob compares the key: the certificate names the key of its \
                 issuer, and that is not the key that bob has pinned. bob does not even look at the signature."
            }
            Self::Expired => {
                "The signature is good, but the CA vouches for a certificate only until its end. bob compares the end \
                 with his clock. mallory has no private key for it either, but the time is checked first."
            }
            Self::Middle => {
                "mallory can read bob's certificate, because everybody who starts a handshake gets it. But alice compares \
                 the key in it with the key that Noise has proven, and mallory does not have bob's private key. If mallory \
                 passed all messages on unchanged, it could not read what follows."
            }
        }
    }
}
