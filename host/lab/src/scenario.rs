//! The scenario: two clients enrol, exchange messages, and make further requests to the CA. An exchange can be run again
//! with one changed byte.

use getrandom::SysRng;
use minipki_core::cert::{Certificate, Id, IdBuf};
use minipki_core::crypto::KeyPair;
use rand_core::{Rng, UnwrapErr};

use super::scene::{Attacked, Scene};
use super::step::Exchange;
use super::verdict::{self, Finding, Refusal};
use super::{
    CaEndpoint, Flip, MessageKind, Participant, ScenarioError, Step, exchange, notes, requests, stage,
};
use minipki_client::{ClientError, Identity};
use minipki_provider::HostProvider;

/// The maximum number of runs until the message has the byte to change. Nine of ten serial numbers have the maximum
/// number of digits.
const TRIES: usize = 8;

/// A scenario that was run. It keeps its clients, so that an exchange can be run again.
pub struct Scenario {
    alice: Identity,
    bob: Identity,
    /// The key for which alice renews her certificate.
    new_key: KeyPair<HostProvider>,
    steps: Vec<Step>,
}

impl Scenario {
    /// Runs the scenario: two new clients enrol at the running CA and exchange messages. Their names are new to the CA,
    /// and their certificates stay in its ledger. `provider` computes for the clients.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub async fn run(ca: &CaEndpoint<'_>, provider: HostProvider) -> Result<Self, ScenarioError> {
        let (mut scenario, mut is_long) = Box::pin(Self::run_once(ca, provider)).await?;
        for _ in 1..TRIES {
            if is_long {
                break;
            }
            (scenario, is_long) = Box::pin(Self::run_once(ca, provider)).await?;
        }
        Ok(scenario)
    }

    /// Also returns whether alice's renewed certificate is as long as her first one. A later run of her enrolment gets the
    /// renewed one.
    async fn run_once(ca: &CaEndpoint<'_>, provider: HostProvider) -> Result<(Self, bool), ScenarioError> {
        let number = UnwrapErr(SysRng).next_u32();
        let (alice, mut steps) = enrol(ca, provider, Participant::Alice, number).await?;
        let (bob, of_bob) = enrol(ca, provider, Participant::Bob, number).await?;
        steps.extend(of_bob);
        let ((at_alice, at_bob), mut of_channel) = Box::pin(exchange::channel(&alice, &bob, None)).await?;
        let failed = |by| move |source| ScenarioError::Client { by, source };
        let at_alice = at_alice.map_err(failed(Participant::Alice))?;
        let at_bob = at_bob.map_err(failed(Participant::Bob))?;
        for step in &mut of_channel {
            notes::channel(step, &at_alice, &at_bob);
        }
        steps.extend(of_channel);
        let new_key = KeyPair::generate(provider, &mut UnwrapErr(SysRng));
        let (renewed, mut of_renewal) = Box::pin(requests::renewal(ca, &alice, &new_key, None)).await?;
        let renewed = renewed.map_err(failed(Participant::Alice))?;
        let (revoked, mut of_revocation) = Box::pin(requests::revocation(ca, &bob, None)).await?;
        let revoked = revoked.map_err(failed(Participant::Bob))?;
        let (changed, mut of_anchors) = Box::pin(requests::anchors(ca, &alice, None)).await?;
        let changed = changed.map_err(failed(Participant::Alice))?;
        of_renewal.iter_mut().for_each(|step| notes::renewal(step, &alice, &renewed));
        of_revocation.iter_mut().for_each(|step| notes::revocation(step, &revoked));
        of_anchors.iter_mut().for_each(|step| notes::anchors(step, changed));
        steps.extend([of_renewal, of_revocation, of_anchors].into_iter().flatten());
        let is_long = renewed.certificate().len() >= alice.certificate().len();
        Ok((Self { alice, bob, new_key, steps }, is_long))
    }

    /// The subjects of alice and bob.
    pub fn names(&self) -> [Id<'_>; 2] {
        [self.alice.subject_id(), self.bob.subject_id()]
    }

    /// All messages, in order: alice's enrolment, bob's enrolment, the channel, alice's renewal, bob's revocation, and the
    /// changes of the CA's key.
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

    /// Lets mallory attack the clients. `ended` is a certificate of their CA that has ended, as
    /// [`Sandbox::ended`](super::Sandbox::ended) has.
    ///
    /// Some scenes make an RSA key, so the future takes the time of a thread. It is not `Send`.
    ///
    /// # Errors
    /// [`ScenarioError::Attack`], [`ScenarioError::Client`] if an honest client failed, [`ScenarioError::Accepted`] if
    /// nobody refused mallory.
    pub async fn attack(&self, scene: Scene, ended: &[u8]) -> Result<Attacked, ScenarioError> {
        stage::run(scene, &self.alice, &self.bob, ended).await
    }

    /// Each exchange has its own place on the heap: its frames would take too much of a stack.
    async fn flip_once(&self, ca: &CaEndpoint<'_>, flip: Flip) -> Result<Refusal, ScenarioError> {
        let Flip { step, offset, .. } = flip;
        let shown = self.steps.get(step).filter(|shown| offset < shown.frame.len());
        let shown = shown.ok_or(ScenarioError::NoSuchByte { step, offset })?;
        let earlier = self.steps.iter().take(step);
        let within = earlier.filter(|earlier| earlier.exchange == shown.exchange).count();
        let in_exchange = Some(Flip { step: within, ..flip });
        let (finding, travelled) = match shown.exchange {
            Exchange::Enrolment(by) => {
                // The name of alice belongs to the key of her renewed certificate.
                let (identity, key) = match by {
                    Participant::Bob => (&self.bob, self.bob.key()),
                    _ => (&self.alice, &self.new_key),
                };
                let subject = identity.subject_id().into();
                of_requests(
                    by,
                    Box::pin(exchange::enrolment(ca, by, subject, key, in_exchange, None)).await?,
                )?
            }
            Exchange::Channel => {
                let (ends, steps) = Box::pin(exchange::channel(&self.alice, &self.bob, in_exchange)).await?;
                (verdict::of_channel(shown.to, ends), steps)
            }
            Exchange::Renewal => of_requests(
                Participant::Alice,
                Box::pin(requests::renewal(ca, &self.alice, &self.new_key, in_exchange)).await?,
            )?,
            Exchange::Revocation => of_requests(
                Participant::Bob,
                Box::pin(requests::revocation(ca, &self.bob, in_exchange)).await?,
            )?,
            Exchange::Anchors => {
                let ended = Box::pin(requests::anchors(ca, &self.alice, in_exchange)).await?;
                if matches!(ended, (Ok(false), _)) && shown.kind == MessageKind::Anchors {
                    return Err(ScenarioError::NotNeeded { step, offset });
                }
                of_requests(Participant::Alice, ended)?
            }
            Exchange::Attack | Exchange::Intercepted => {
                return Err(ScenarioError::NoSuchByte { step, offset });
            }
        };
        Refusal::new(flip, finding, travelled, within)
    }
}

/// The finding in requests of `client`, and their steps.
fn of_requests<T>(
    client: Participant,
    (outcome, steps): (Result<T, ClientError>, Vec<Step>),
) -> Result<(Option<Finding>, Vec<Step>), ScenarioError> {
    match outcome {
        Err(source @ ClientError::Unreachable { .. }) => Err(ScenarioError::Client { by: client, source }),
        outcome => Ok((verdict::of_requests(client, outcome), steps)),
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
    let (identity, mut steps) = Box::pin(exchange::enrol(ca, provider, client, subject, None)).await?;
    let parsed = Certificate::parse(identity.certificate());
    let certificate = parsed.map_err(|error| ScenarioError::Client { by: client, source: error.into() })?;
    for step in &mut steps {
        notes::enrolment(step, client, &identity, &certificate);
    }
    Ok((identity, steps))
}
