//! The exchanges of a scenario: an enrolment, and a channel between two enrolled clients.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use getrandom::SysRng;
use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::KeyPair;
use minipki_core::link::{Direction, Observer};
use minipki_core::trust::Serial;
use rand_core::UnwrapErr;
use tokio::io::{DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::relay::{Flip, Log, relay};
use super::step::Exchange;
use super::{CaEndpoint, Participant, ScenarioError, Step};
use minipki_ca::Token;
use minipki_client::chat::{self, Message};
use minipki_client::{
    Channel, ChannelOptions, ClientError, Deadlines, EnrolOptions, Identity, Role, enrol_over, open, proven,
};
use minipki_net::trace::Tap;
use minipki_provider::HostProvider;

/// The message of alice.
pub const QUESTION: &str = "Hello bob, who else can read this?";
/// The message of bob.
pub const ANSWER: &str = "Nobody, alice. Not even the CA.";

/// The capacity of a connection in memory, in bytes.
pub(super) const PIPE: usize = 16 * 1024;
/// The time limits of an end when a byte is changed. Both ends may then wait for each other.
const SHORT: Deadlines = Deadlines {
    connect: Duration::from_secs(3),
    exchange: Duration::from_secs(3),
    send: Duration::from_secs(3),
};
/// The time limit of an exchange. It is longer than the deadlines of the ends.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// One end of a channel in memory.
pub type MemoryChannel = Channel<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

/// The state of one end of a channel after both directions are closed.
pub(super) struct ChannelEnd {
    pub(super) peer: String,
    pub(super) serial: Serial,
    pub(super) handshake_hash: [u8; 32],
    /// The fingerprint of the key that encrypts its messages.
    pub(super) send_key: Option<[u8; 32]>,
    /// The fingerprint of the key that decrypts the peer's messages.
    pub(super) receive_key: Option<[u8; 32]>,
    /// The last received text.
    pub(super) received: Option<String>,
}

/// The results of a channel at its two ends, alice's first.
pub(super) type ChannelEnds = (Result<ChannelEnd, ClientError>, Result<ChannelEnd, ClientError>);

/// Makes a key for `client`, and gets a certificate for `subject` from the running CA. `provider` computes for the
/// client, and `tap` observes its messages. Returns the steps without notes.
///
/// # Errors
/// [`ScenarioError::Client`], [`ScenarioError::Token`], [`ScenarioError::Stuck`].
pub async fn enrol(
    ca: &CaEndpoint<'_>,
    provider: HostProvider,
    client: Participant,
    subject: IdBuf,
    tap: Option<Arc<dyn Tap>>,
) -> Result<(Identity, Vec<Step>), ScenarioError> {
    let key = KeyPair::generate(provider, &mut UnwrapErr(SysRng));
    let (outcome, steps) = enrolment(ca, client, subject, &key, None, tap).await?;
    let identity = outcome.map_err(|source| ScenarioError::Client { by: client, source })?;
    Ok((identity, steps))
}

/// Gets a certificate for `key` from the running CA, through a relay.
pub(super) async fn enrolment(
    ca: &CaEndpoint<'_>,
    client: Participant,
    subject: IdBuf,
    key: &KeyPair<HostProvider>,
    flip: Option<Flip>,
    tap: Option<Arc<dyn Tap>>,
) -> Result<(Result<Identity, ClientError>, Vec<Step>), ScenarioError> {
    let token = ca.tokens.map(|make| make(&subject)).transpose().map_err(ScenarioError::Token)?;
    let options = EnrolOptions {
        form: proven(token.as_ref().map(Token::text)),
        deadlines: deadlines(flip),
        tap,
        ..EnrolOptions::new(&*ca.address, subject, Anchor::from_fingerprint(ca.anchor.fingerprint()))
    };
    with_ca(ca, Exchange::Enrolment(client), flip, async |mut reader, mut writer| {
        enrol_over(&mut reader, &mut writer, key.clone(), options).await
    })
    .await
}

/// Connects to the running CA through a relay, and lets `work` make its requests. Returns its result and the steps.
pub(super) async fn with_ca<T>(
    ca: &CaEndpoint<'_>,
    exchange: Exchange,
    flip: Option<Flip>,
    work: impl AsyncFnOnce(ReadHalf<DuplexStream>, WriteHalf<DuplexStream>) -> Result<T, ClientError>,
) -> Result<(Result<T, ClientError>, Vec<Step>), ScenarioError> {
    let to_ca = match TcpStream::connect(&*ca.address).await {
        Ok(stream) => stream,
        Err(source) => {
            let error = ClientError::Unreachable { address: ca.address.clone(), source };
            return Ok((Err(error), Vec::new()));
        }
    };
    let (own, near) = duplex(PIPE);
    let log = Log::default();
    let (reader, writer) = split(own);
    // On the heap: the frames of a request take more than 10 KB.
    let outcome = with_relay(Box::pin(work(reader, writer)), relay(near, to_ca, &log, flip)).await?;
    Ok((outcome, Step::all(log.take(), exchange)))
}

/// Opens a channel in memory from alice to bob. Each end expects the subject of the other. `tap` observes alice's end.
///
/// # Errors
/// [`ScenarioError::Client`].
pub async fn open_channel(
    alice: &Identity,
    bob: &Identity,
    tap: Option<Arc<dyn Tap>>,
) -> Result<(MemoryChannel, MemoryChannel), ScenarioError> {
    let (near, far) = duplex(PIPE);
    let failed = |by| move |source| ScenarioError::Client { by, source };
    let at_alice = async { connect(near, alice, bob, None, tap).await.map_err(failed(Participant::Alice)) };
    let at_bob = async { accept(far, bob, alice, None).await.map_err(failed(Participant::Bob)) };
    tokio::try_join!(at_alice, at_bob)
}

/// Runs a channel from alice to bob through a relay. Each sends a message and closes.
pub(super) async fn channel(
    alice: &Identity,
    bob: &Identity,
    flip: Option<Flip>,
) -> Result<(ChannelEnds, Vec<Step>), ScenarioError> {
    let observed = Arc::new(Plaintexts::default());
    let ((own_alice, near), (own_bob, far)) = (duplex(PIPE), duplex(PIPE));
    let at_alice = async {
        let mut channel = connect(own_alice, alice, bob, flip, Some(observed.clone())).await?;
        let mut end = ChannelEnd::new(&channel);
        send_text(&mut channel, QUESTION).await?;
        channel.outbound.close().await?;
        end.receive_all(&mut channel).await?;
        Ok(end)
    };
    let at_bob = async {
        let mut channel = accept(own_bob, bob, alice, flip).await?;
        let mut end = ChannelEnd::new(&channel);
        end.receive_all(&mut channel).await?;
        send_text(&mut channel, ANSWER).await?;
        channel.outbound.close().await?;
        Ok(end)
    };
    let log = Log::default();
    let ends = with_relay(async { tokio::join!(at_alice, at_bob) }, relay(near, far, &log, flip)).await?;
    let mut steps = Step::all(log.take(), Exchange::Channel);
    observed.add_to(&mut steps);
    Ok((ends, steps))
}

/// Sends `text` as a chat message.
///
/// # Errors
/// [`ClientError`], if the message could not be sent.
pub async fn send_text(channel: &mut MemoryChannel, text: &str) -> Result<(), ClientError> {
    channel.outbound.send(&chat::encode(text)).await
}

/// Receives the text of the next chat message, or the body of another message; `None` after the peer has closed.
///
/// # Errors
/// [`ClientError`], if the channel failed.
pub async fn receive_text(channel: &mut MemoryChannel) -> Result<Option<String>, ClientError> {
    let Some(body) = channel.inbound.receive().await? else { return Ok(None) };
    Ok(Some(match chat::decode(body) {
        Ok(Message::Chat(text)) => text,
        _ => String::from_utf8_lossy(body).into_owned(),
    }))
}

/// Opens alice's end of a channel to bob.
pub(super) async fn connect(
    stream: DuplexStream,
    alice: &Identity,
    bob: &Identity,
    flip: Option<Flip>,
    tap: Option<Arc<dyn Tap>>,
) -> Result<MemoryChannel, ClientError> {
    let (reader, writer) = split(stream);
    open(Role::Initiator, "bob", reader, writer, alice, &expecting(bob, flip, tap)).await
}

/// Opens bob's end of a channel from alice.
async fn accept(
    stream: DuplexStream,
    bob: &Identity,
    alice: &Identity,
    flip: Option<Flip>,
) -> Result<MemoryChannel, ClientError> {
    let (reader, writer) = split(stream);
    open(Role::Responder, "alice", reader, writer, bob, &expecting(alice, flip, None)).await
}

fn expecting(peer: &Identity, flip: Option<Flip>, tap: Option<Arc<dyn Tap>>) -> ChannelOptions {
    ChannelOptions {
        peer: Some(peer.subject_id().into()),
        deadlines: deadlines(flip),
        tap,
        ..ChannelOptions::default()
    }
}

pub(super) fn deadlines(flip: Option<Flip>) -> Deadlines {
    if flip.is_some() { SHORT } else { Deadlines::default() }
}

/// Runs `work` together with its relay.
async fn with_relay<T>(
    work: impl Future<Output = T>,
    relay: impl Future<Output = ()>,
) -> Result<T, ScenarioError> {
    let both = async { tokio::join!(work, relay).0 };
    timeout(LIMIT, both).await.map_err(|_| ScenarioError::Stuck)
}

impl ChannelEnd {
    fn new(channel: &MemoryChannel) -> Self {
        Self {
            peer: channel.peer.subject_id().to_string(),
            serial: channel.peer.serial_number(),
            handshake_hash: channel.handshake_hash,
            send_key: channel.outbound.key_fingerprint(),
            receive_key: channel.inbound.key_fingerprint(),
            received: None,
        }
    }

    /// Receives until the peer has closed.
    async fn receive_all(&mut self, channel: &mut MemoryChannel) -> Result<(), ClientError> {
        while let Some(text) = receive_text(channel).await? {
            self.received = Some(text);
        }
        Ok(())
    }
}

/// The plaintexts at one end, by the direction and the number of their frames.
#[derive(Default)]
struct Plaintexts(Mutex<Observed>);

#[derive(Default)]
struct Observed {
    frames: [usize; 2],
    plaintexts: Vec<(Direction, usize, Vec<u8>)>,
}

impl Plaintexts {
    /// Adds the plaintexts of alice's end to their steps.
    fn add_to(&self, steps: &mut [Step]) {
        let observed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frames = [0; 2];
        for step in steps {
            let direction =
                if step.from == Participant::Alice { Direction::Sent } else { Direction::Received };
            frames[direction as usize] += 1;
            let number = frames[direction as usize];
            let found = observed.plaintexts.iter().find(|(d, n, _)| (*d, *n) == (direction, number));
            step.plaintext = found.map(|(_, _, text)| text.clone());
        }
    }
}

impl Observer for Plaintexts {
    fn frame(&self, direction: Direction, _: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).frames[direction as usize] += 1;
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        let mut observed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = observed.frames[direction as usize];
        observed.plaintexts.push((direction, number, text.to_vec()));
    }
}
