//! The scenario: two clients enrol and exchange messages. An exchange can be run again with one changed byte.

use getrandom::SysRng;
use minipki_core::cert::{Certificate, Id, IdBuf};
use rand_core::{Rng, UnwrapErr};

use super::exchange::{self, ChannelEnd};
use super::verdict::{self, Refusal};
use super::{CaEndpoint, Flip, MessageKind, Participant, ScenarioError, Step};
use minipki_client::{ClientError, Identity};
use minipki_net::trace::explain::hex;
use minipki_net::trace::printable;
use minipki_provider::HostProvider;

/// The maximum number of runs until the message has the byte to change. Nine of ten serial numbers have the maximum
/// number of digits.
const TRIES: usize = 8;

/// A scenario that was run. It keeps its clients, so that an exchange can be run again.
pub struct Scenario {
    alice: Identity,
    bob: Identity,
    steps: Vec<Step>,
}

impl Scenario {
    /// Runs the scenario: two new clients enrol at the running CA and exchange messages. Their names are new to the CA,
    /// and their certificates stay in its ledger. `provider` computes for the clients.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub async fn run(ca: &CaEndpoint<'_>, provider: HostProvider) -> Result<Self, ScenarioError> {
        let number = UnwrapErr(SysRng).next_u32();
        let (alice, mut steps) = enrol(ca, provider, Participant::Alice, number).await?;
        let (bob, of_bob) = enrol(ca, provider, Participant::Bob, number).await?;
        steps.extend(of_bob);
        let ((at_alice, at_bob), mut of_channel) = exchange::channel(&alice, &bob, None).await?;
        let failed = |by| move |source| ScenarioError::Client { by, source };
        let at_alice = at_alice.map_err(failed(Participant::Alice))?;
        let at_bob = at_bob.map_err(failed(Participant::Bob))?;
        for step in &mut of_channel {
            note_channel(step, &at_alice, &at_bob);
        }
        steps.extend(of_channel);
        Ok(Self { alice, bob, steps })
    }

    /// The subjects of alice and bob.
    pub fn names(&self) -> [Id<'_>; 2] {
        [self.alice.subject_id(), self.bob.subject_id()]
    }

    /// All messages, in order: alice's enrolment, bob's enrolment, and the channel.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Runs the exchange of the step `flip.step` again, for the same clients, with one changed byte.
    ///
    /// Nonces, ephemeral keys and serial numbers are fresh, so the other bytes differ from those of
    /// [`Scenario::steps`]. If a serial number has fewer digits and the byte does not exist, the exchange is run again.
    ///
    /// # Errors
    /// [`ScenarioError::NoSuchByte`], [`ScenarioError::Client`] if the CA cannot be reached,
    /// [`ScenarioError::Unnoticed`] if no participant refused.
    pub async fn flip(&self, ca: &CaEndpoint<'_>, flip: Flip) -> Result<Refusal, ScenarioError> {
        let mut outcome = self.flip_once(ca, flip).await;
        for _ in 1..TRIES {
            if !matches!(outcome, Err(ScenarioError::NoSuchByte { .. })) {
                break;
            }
            outcome = self.flip_once(ca, flip).await;
        }
        outcome
    }

    async fn flip_once(&self, ca: &CaEndpoint<'_>, flip: Flip) -> Result<Refusal, ScenarioError> {
        let Flip { step, offset, .. } = flip;
        let shown = self.steps.get(step).filter(|shown| offset < shown.frame.len());
        let shown = shown.ok_or(ScenarioError::NoSuchByte { step, offset })?;
        let earlier = self.steps.iter().take(step);
        let within = earlier.filter(|earlier| earlier.enrolling() == shown.enrolling()).count();
        let in_exchange = Some(Flip { step: within, ..flip });
        let (finding, travelled) = match shown.enrolling() {
            Some(by) => {
                let identity = if by == Participant::Bob { &self.bob } else { &self.alice };
                let subject = identity.subject_id().into();
                let (outcome, steps) =
                    exchange::enrolment(ca, by, subject, identity.key(), in_exchange, None).await?;
                if let Err(source @ ClientError::Unreachable { .. }) = outcome {
                    return Err(ScenarioError::Client { by, source });
                }
                (verdict::of_enrolment(by, outcome), steps)
            }
            None => {
                let (ends, steps) = exchange::channel(&self.alice, &self.bob, in_exchange).await?;
                (verdict::of_channel(shown.to, ends), steps)
            }
        };
        Refusal::new(flip, finding, travelled, within)
    }
}

/// Enrols `client` with its own name, and adds notes to its steps.
async fn enrol(
    ca: &CaEndpoint<'_>,
    provider: HostProvider,
    client: Participant,
    number: u32,
) -> Result<(Identity, Vec<Step>), ScenarioError> {
    // A name and a number are always a valid subject.
    let subject: IdBuf = format!("{}-{number:08x}", client.name())
        .parse()
        .map_err(|error| ScenarioError::Token(format!("no name: {error}").into()))?;
    let (identity, mut steps) = exchange::enrol(ca, provider, client, subject, None).await?;
    let parsed = Certificate::parse(identity.certificate());
    let certificate = parsed.map_err(|error| ScenarioError::Client { by: client, source: error.into() })?;
    for step in &mut steps {
        note_enrolment(step, client, &identity, &certificate);
    }
    Ok((identity, steps))
}

/// Adds notes on both ends to a message of a successful enrolment.
fn note_enrolment(step: &mut Step, client: Participant, identity: &Identity, certificate: &Certificate<'_>) {
    match step.kind {
        MessageKind::EnrollRequest => {
            let key = hex(identity.key().public().as_bytes());
            let text = format!("makes an X25519 key pair. Public key: {key}. The private key stays here");
            step.note_before(client, text);
        }
        MessageKind::EnrollChallenge => {
            step.note_before(Participant::Ca, "makes a key pair and a nonce for this request only");
        }
        MessageKind::EnrollProof => step.note_before(
            client,
            "computes a shared secret from its private key and the CA's ephemeral key, and derives the proof from it",
        ),
        MessageKind::Granted => {
            let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
            let (name, pinned) = (identity.subject_id(), identity.anchor().fingerprint());
            step.note_before(
                Participant::Ca,
                format!(
                    "accepts the proof and the name, takes serial number {serial}, signs, and writes the certificate to its ledger before it answers"
                ),
            );
            step.note_after(
                client,
                format!(
                    "verifies: canonical form, the pinned CA {pinned}, its signature, the dates (until {until}), its own name {name} and its own key"
                ),
            );
        }
        _ => {}
    }
}

/// Adds notes on both ends to a message of a successful channel.
fn note_channel(step: &mut Step, alice: &ChannelEnd, bob: &ChannelEnd) {
    let receiver = if step.to == Participant::Alice { alice } else { bob };
    let knows = || {
        format!(
            "knows: this is {}, serial {}. The certificate verifies under the pinned CA and names the key that Noise authenticated",
            receiver.peer, receiver.serial
        )
    };
    match step.kind {
        MessageKind::Handshake1 => {
            step.note_before(Participant::Alice, "makes an ephemeral key pair for this channel only");
        }
        MessageKind::Handshake2 => {
            step.note_before(
                Participant::Bob,
                "makes an ephemeral key pair too. Two key agreements (ee, es) give the key for the rest of this message",
            );
            step.note_after(Participant::Alice, knows());
        }
        MessageKind::Handshake3 => {
            step.note_before(Participant::Alice, "does the third key agreement (se), with its certified key");
            step.note_after(Participant::Bob, knows());
            step.note_after(Participant::Alice, keys(alice));
            step.note_after(Participant::Bob, keys(bob));
        }
        MessageKind::Record(_) => {
            let text = printable(receiver.received.as_deref().unwrap_or("nothing"));
            step.note_after(step.to, format!("reads: {text}"));
        }
        MessageKind::Close(_) => step.note_after(step.to, "knows that no message is missing"),
        _ => {}
    }
}

/// The fingerprints of the keys of one end.
fn keys(end: &ChannelEnd) -> String {
    let shown = |key: Option<[u8; 32]>| key.map_or_else(|| "none".to_owned(), |key| hex(&key[..16]));
    format!(
        "has the keys. Fingerprint of the key for sending: {}; of the key for receiving: {}. Handshake hash: {}",
        shown(end.send_key),
        shown(end.receive_key),
        hex(&end.handshake_hash[..16])
    )
}
