//! The scenario: two clients enrol, meet and talk, and the same again with one byte changed.

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

/// How often an exchange is run until a byte is there: nine serial numbers of ten have as many digits as there can be.
const TRIES: usize = 8;

/// A scenario that was run. Its clients are kept, so that an exchange of it can be run again.
pub struct Scenario {
    alice: Identity,
    bob: Identity,
    steps: Vec<Step>,
}

impl Scenario {
    /// Runs the scenario: two new clients enrol at the running CA, meet and talk. Their names are new to the CA,
    /// which has a certificate for each of them in its ledger afterwards. `provider` computes for the clients.
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

    /// The names that alice and bob have at the CA.
    pub fn names(&self) -> [Id<'_>; 2] {
        [self.alice.subject_id(), self.bob.subject_id()]
    }

    /// All messages, in order: alice's enrolment, bob's, and the channel.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Runs the exchange of the step `flip.step` again, for the same clients, with one byte changed on its way.
    ///
    /// Nonces, ephemeral keys and serial numbers are fresh, so the other bytes differ from those of
    /// [`Scenario::steps`]. A serial number with fewer digits leaves the last byte out: then the exchange is run once
    /// more.
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

/// `client` enrols by a name of its own, and its steps get their notes.
async fn enrol(
    ca: &CaEndpoint<'_>,
    provider: HostProvider,
    client: Participant,
    number: u32,
) -> Result<(Identity, Vec<Step>), ScenarioError> {
    // A name and a number: always well formed.
    let subject: IdBuf = format!("{}-{number:08x}", client.name())
        .parse()
        .map_err(|error| ScenarioError::Token(format!("no name: {error}")))?;
    let (identity, mut steps) = exchange::enrol(ca, provider, client, subject, None).await?;
    let parsed = Certificate::parse(identity.certificate());
    let certificate = parsed.map_err(|error| ScenarioError::Client { by: client, source: error.into() })?;
    for step in &mut steps {
        note_enrolment(step, client, &identity, &certificate);
    }
    Ok((identity, steps))
}

/// Adds what the ends did at this message of an enrolment that succeeded.
fn note_enrolment(step: &mut Step, client: Participant, identity: &Identity, certificate: &Certificate<'_>) {
    match step.kind {
        MessageKind::EnrollRequest => {
            let key = hex(identity.key().public().as_bytes());
            let text = format!("makes an X25519 key pair. Public half: {key}. The private half stays");
            step.note_before(client, text);
        }
        MessageKind::EnrollChallenge => {
            step.note_before(Participant::Ca, "makes a key pair and a nonce for this request alone");
        }
        MessageKind::EnrollProof => step.note_before(
            client,
            "agrees on a secret, from its private key and the CA's share, and derives the proof from it",
        ),
        MessageKind::Granted => {
            let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
            let (name, pinned) = (identity.subject_id(), identity.anchor().fingerprint());
            step.note_before(
                Participant::Ca,
                format!(
                    "finds the proof good and the name free, takes serial number {serial}, signs, and writes it to its ledger before it answers"
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

/// Adds what the ends did at this message of a channel that succeeded.
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
            step.note_before(Participant::Alice, "makes an ephemeral key pair, for this channel alone");
        }
        MessageKind::Handshake2 => {
            step.note_before(
                Participant::Bob,
                "makes an ephemeral key pair too; agrees twice (ee, es), which gives the key for the rest of this message",
            );
            step.note_after(Participant::Alice, knows());
        }
        MessageKind::Handshake3 => {
            step.note_before(Participant::Alice, "agrees a third time (se), with its certified key");
            step.note_after(Participant::Bob, knows());
            step.note_after(Participant::Alice, keys(alice));
            step.note_after(Participant::Bob, keys(bob));
        }
        MessageKind::Record(_) => {
            let text = printable(receiver.heard.as_deref().unwrap_or("nothing"));
            step.note_after(step.to, format!("reads: {text}"));
        }
        MessageKind::Close(_) => step.note_after(step.to, "knows that nothing was cut off"),
        _ => {}
    }
}

/// The keys of one end, as fingerprints.
fn keys(end: &ChannelEnd) -> String {
    let shown = |key: Option<[u8; 32]>| key.map_or_else(|| "none".to_owned(), |key| hex(&key[..16]));
    format!(
        "has the keys. Fingerprint of the key it seals with: {}; of the key it opens with: {}. Handshake hash: {}",
        shown(end.seals),
        shown(end.opens),
        hex(&end.handshake_hash[..16])
    )
}
