//! The play: the two clients, their story, and the same again with one byte changed.

use getrandom::SysRng;
use minipki_core::cert::{Certificate, IdBuf};
use minipki_core::crypto::KeyPair;
use rand_core::{Rng, UnwrapErr};

use super::scenes::{self, End, Seen};
use super::verdict::{self, Refusal};
use super::{Flip, Note, Step, StoryError, Theatre, Who};
use minipki_client::{ClientError, Identity};
use minipki_net::trace::explain::hex;
use minipki_net::trace::{printable, reading};
use minipki_provider::HostProvider;

/// A client of the story.
struct Player {
    name: IdBuf,
    identity: Identity,
}

/// A story that was played, whose clients are kept so that it can be played again.
pub struct Play {
    alice: Player,
    bob: Player,
    steps: Vec<Step>,
    /// Where bob's enrolment starts, and where the channel does.
    scenes: [usize; 2],
}

impl Play {
    /// Two new clients enrol at the running CA, meet and talk. Their names are new to the CA, which
    /// has a certificate for each in its ledger afterwards.
    ///
    /// # Errors
    /// [`StoryError`].
    pub async fn perform(theatre: &Theatre<'_>) -> Result<Self, StoryError> {
        let mut rng = UnwrapErr(SysRng);
        let run = rng.next_u32();
        let (alice, mut steps) = enter(theatre, Who::Alice, run).await?;
        let first = steps.len();
        let (bob, more) = enter(theatre, Who::Bob, run).await?;
        steps.extend(more);
        let second = steps.len();
        let (met, seen) = scenes::meet(&alice.identity, &bob.identity, None).await?;
        let failed = |who| move |source| StoryError::Client { who, source };
        let (at_alice, at_bob) = (met.0.map_err(failed(Who::Alice))?, met.1.map_err(failed(Who::Bob))?);
        steps.extend(told_channel(seen, &at_alice, &at_bob));
        Ok(Self { alice, bob, steps, scenes: [first, second] })
    }

    /// The names that alice and bob have at the CA.
    pub const fn names(&self) -> [&IdBuf; 2] {
        [&self.alice.name, &self.bob.name]
    }

    /// What happened, message by message.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Plays the scene of `flip.step` again, for the same clients, with one byte changed on its way.
    ///
    /// Nonces, ephemeral keys and serial numbers are fresh, so the other bytes differ from those of [`Play::steps`]. A
    /// serial number with fewer digits leaves the last byte out: then the scene is played once more.
    ///
    /// # Errors
    /// [`StoryError::NoSuchByte`], [`StoryError::Client`] if the CA cannot be reached,
    /// [`StoryError::Unnoticed`] if nobody refused.
    pub async fn flip(&self, theatre: &Theatre<'_>, flip: Flip) -> Result<Refusal, StoryError> {
        let mut outcome = self.flip_once(theatre, flip).await;
        for _ in 1..TRIES {
            if !matches!(outcome, Err(StoryError::NoSuchByte { .. })) {
                break;
            }
            outcome = self.flip_once(theatre, flip).await;
        }
        outcome
    }

    async fn flip_once(&self, theatre: &Theatre<'_>, flip: Flip) -> Result<Refusal, StoryError> {
        let Flip { step, offset, .. } = flip;
        let step_there = self.steps.get(step).filter(|there| offset < there.frame.len());
        let receiver = step_there.ok_or(StoryError::NoSuchByte { step, offset })?.to;
        let [second, third] = self.scenes;
        let (start, finding, travelled) = if step < third {
            let (start, who, player) =
                if step < second { (0, Who::Alice, &self.alice) } else { (second, Who::Bob, &self.bob) };
            let within = Some(Flip { step: step - start, ..flip });
            let (outcome, seen) = scenes::enrol(theatre, &player.name, player.identity.key(), within).await?;
            if let Err(source @ ClientError::Unreachable { .. }) = outcome {
                return Err(StoryError::Client { who, source });
            }
            (start, verdict::of_enrolment(who, outcome), bare(seen, who, Who::Ca))
        } else {
            let within = Some(Flip { step: step - third, ..flip });
            let (met, seen) = scenes::meet(&self.alice.identity, &self.bob.identity, within).await?;
            (third, verdict::of_channel(receiver, met), bare(seen, Who::Alice, Who::Bob))
        };
        Refusal::new(flip, finding, travelled, step - start)
    }
}

/// How often a scene is played until a byte is there: nine serial numbers of ten have as many digits as there can be.
const TRIES: usize = 8;

/// `who` makes a key, and has it certified.
async fn enter(theatre: &Theatre<'_>, who: Who, run: u32) -> Result<(Player, Vec<Step>), StoryError> {
    let failed = |source| StoryError::Client { who, source };
    let key = KeyPair::generate(theatre.provider, &mut UnwrapErr(SysRng));
    // A name and a number: always well formed.
    let name: IdBuf = format!("{}-{run:08x}", who.name())
        .parse()
        .map_err(|error| StoryError::Token(format!("no name: {error}")))?;
    let (outcome, seen) = scenes::enrol(theatre, &name, &key, None).await?;
    let identity = outcome.map_err(failed)?;
    let steps = told_enrolment(who, &name, &key, &identity, seen).map_err(failed)?;
    Ok((Player { name, identity }, steps))
}

fn told_enrolment(
    who: Who,
    name: &IdBuf,
    key: &KeyPair<HostProvider>,
    identity: &Identity,
    seen: Vec<Seen>,
) -> Result<Vec<Step>, ClientError> {
    let certificate = Certificate::parse(identity.certificate())?;
    let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
    let pinned = identity.anchor().fingerprint();
    let mut steps = bare(seen, who, Who::Ca);
    let mut note = |step: usize, before: bool, who: Who, text: String| {
        if let Some(step) = steps.get_mut(step) {
            if before { &mut step.before } else { &mut step.after }.push(Note { who, text });
        }
    };
    note(
        0,
        true,
        who,
        format!(
            "makes an X25519 key pair. Public half: {}. The private half stays",
            hex(key.public().as_bytes())
        ),
    );
    note(1, true, Who::Ca, "makes a key pair and a nonce for this request alone".to_owned());
    note(
        2,
        true,
        who,
        "agrees on a secret, from its private key and the CA's share, and derives the proof from it"
            .to_owned(),
    );
    note(
        3,
        true,
        Who::Ca,
        format!(
            "finds the proof good and the name free, takes serial number {serial}, signs, and writes it to its ledger before it answers"
        ),
    );
    note(
        3,
        false,
        who,
        format!(
            "verifies: canonical form, the pinned CA {pinned}, its signature, the dates (until {until}), its own name {name} and its own key"
        ),
    );
    Ok(steps)
}

fn told_channel(seen: Vec<Seen>, alice: &End, bob: &End) -> Vec<Step> {
    let mut steps = bare(seen, Who::Alice, Who::Bob);
    let mut note = |step: usize, before: bool, who: Who, text: String| {
        if let Some(step) = steps.get_mut(step) {
            if before { &mut step.before } else { &mut step.after }.push(Note { who, text });
        }
    };
    let knows = |end: &End| {
        format!(
            "knows: this is {}, serial {}. The certificate verifies under the pinned CA and names the key that Noise authenticated",
            end.peer, end.serial
        )
    };
    let keys = |end: &End| {
        let shown = |key: Option<[u8; 32]>| key.map_or_else(|| "none".to_owned(), |key| hex(&key[..16]));
        format!(
            "has the keys. Fingerprint of the key it seals with: {}; of the key it opens with: {}. Handshake hash: {}",
            shown(end.seals),
            shown(end.opens),
            hex(&end.handshake_hash[..16])
        )
    };
    let heard = |end: &End| format!("reads: {}", printable(end.heard.as_deref().unwrap_or("nothing")));
    note(0, true, Who::Alice, "makes an ephemeral key pair, for this channel alone".to_owned());
    note(1, true, Who::Bob, "makes an ephemeral key pair too; agrees twice (ee, es), which gives the key for the rest of this message".to_owned());
    note(1, false, Who::Alice, knows(alice));
    note(2, true, Who::Alice, "agrees a third time (se), with its certified key".to_owned());
    note(2, false, Who::Bob, knows(bob));
    note(2, false, Who::Alice, keys(alice));
    note(2, false, Who::Bob, keys(bob));
    note(3, false, Who::Bob, heard(bob));
    note(4, false, Who::Bob, "knows that nothing was cut off".to_owned());
    note(5, false, Who::Alice, heard(alice));
    note(6, false, Who::Alice, "knows that nothing was cut off".to_owned());
    steps
}

/// The messages of a scene between `near`, who opened the connection, and `far`.
fn bare(seen: Vec<Seen>, near: Who, far: Who) -> Vec<Step> {
    let mut records = [0; 2];
    let mut encrypted = false;
    seen.into_iter()
        .map(|Seen { forth, frame, plaintext }| {
            let (from, to) = if forth { (near, far) } else { (far, near) };
            let mut step =
                Step { from, to, frame, plaintext, record: None, before: Vec::new(), after: Vec::new() };
            match reading::message(step.body()) {
                Ok(reading) => encrypted |= reading.name == reading::LAST_IN_CLEAR,
                Err(_) if encrypted => {
                    let count: &mut u64 = &mut records[usize::from(forth)];
                    step.record = Some(*count);
                    *count += 1;
                }
                Err(_) => {}
            }
            step
        })
        .collect()
}
