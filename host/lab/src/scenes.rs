//! The scenes: somebody enrols, and two who are enrolled meet. Each with a relay between its ends.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::KeyPair;
use minipki_core::link::{Direction, Observer};
use minipki_core::trust::Serial;
use tokio::io::{DuplexStream, duplex, split};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::relay::{Log, Passed, stand_between};
use super::{Flip, StoryError, Theatre};
use minipki_ca::Token;
use minipki_client::chat::{self, Message};
use minipki_client::{
    Channel, ChannelOptions, ClientError, Deadlines, EnrolOptions, Identity, Role, enrol_over, open, proven,
};
use minipki_net::trace::Tap;
use minipki_provider::HostProvider;

/// What alice says.
const QUESTION: &str = "Hello bob, who else can read this?";
/// What bob says.
const ANSWER: &str = "Nobody, alice. Not even the CA.";

/// Bytes under way between two ends in memory.
const PIPE: usize = 16 * 1024;
/// How long an end waits when somebody has changed a byte, which may leave both waiting for each other.
const SHORT: Deadlines = Deadlines {
    connect: Duration::from_secs(3),
    exchange: Duration::from_secs(3),
    send: Duration::from_secs(3),
};
/// How long a scene may take: more than the deadlines within it.
const SCENE: Duration = Duration::from_secs(60);

/// A message of a scene.
pub(super) struct Seen {
    pub(super) forth: bool,
    pub(super) frame: Vec<u8>,
    pub(super) plaintext: Option<Vec<u8>>,
}

/// What one end of a channel has come to know.
pub(super) struct End {
    pub(super) peer: String,
    pub(super) serial: Serial,
    pub(super) handshake_hash: [u8; 32],
    /// The fingerprint of the key that it seals with.
    pub(super) seals: Option<[u8; 32]>,
    /// The fingerprint of the key that it opens with.
    pub(super) opens: Option<[u8; 32]>,
    /// What it heard.
    pub(super) heard: Option<String>,
}

/// How the two ends of a channel fared, the connecting one first.
pub(super) type Met = (Result<End, ClientError>, Result<End, ClientError>);

/// `subject` has its key certified by the running CA.
pub(super) async fn enrol(
    theatre: &Theatre<'_>,
    subject: &IdBuf,
    key: &KeyPair<HostProvider>,
    flip: Option<Flip>,
) -> Result<(Result<Identity, ClientError>, Vec<Seen>), StoryError> {
    let token = theatre.tokens.map(|make| make(subject)).transpose().map_err(StoryError::Token)?;
    let watcher = Arc::new(Watcher::default());
    let options = EnrolOptions {
        form: proven(token.as_ref().map(Token::text)),
        deadlines: deadlines(flip),
        tap: Some(watcher.clone()),
        ..EnrolOptions::new(
            &*theatre.ca,
            subject.clone(),
            Anchor::from_fingerprint(theatre.anchor.fingerprint()),
        )
    };
    let unreachable = |source| ClientError::Unreachable { address: theatre.ca.clone(), source };
    let to_ca = match TcpStream::connect(&*theatre.ca).await {
        Ok(stream) => stream,
        Err(error) => return Ok((Err(unreachable(error)), Vec::new())),
    };
    let (client, near) = duplex(PIPE);
    let log = Log::default();
    let work = async {
        let (mut reader, mut writer) = split(client);
        enrol_over(&mut reader, &mut writer, key.clone(), options).await
    };
    let (outcome, ()) = scene(work, stand_between(near, to_ca, &log, flip)).await?;
    Ok((outcome, watcher.join(log.take())))
}

/// `alice` connects to `bob`; they talk, and close.
pub(super) async fn meet(
    alice: &Identity,
    bob: &Identity,
    flip: Option<Flip>,
) -> Result<(Met, Vec<Seen>), StoryError> {
    let watcher = Arc::new(Watcher::default());
    let options = |peer: &Identity, tap| ChannelOptions {
        peer: Some(peer.subject_id().into()),
        deadlines: deadlines(flip),
        tap,
        ..ChannelOptions::default()
    };
    let (at_alice, at_bob) = (options(bob, Some(watcher.clone() as Arc<dyn Tap>)), options(alice, None));
    let ((end_a, near_a), (end_b, near_b)) = (duplex(PIPE), duplex(PIPE));
    let log = Log::default();
    let work = async { tokio::join!(connecting(end_a, alice, &at_alice), listening(end_b, bob, &at_bob)) };
    let (met, ()) = scene(work, stand_between(near_a, near_b, &log, flip)).await?;
    Ok((met, watcher.join(log.take())))
}

async fn scene<T>(
    work: impl Future<Output = T>,
    relay: impl Future<Output = ()>,
) -> Result<(T, ()), StoryError> {
    timeout(SCENE, async { tokio::join!(work, relay) }).await.map_err(|_| StoryError::Stuck)
}

async fn connecting(
    stream: DuplexStream,
    identity: &Identity,
    options: &ChannelOptions,
) -> Result<End, ClientError> {
    let (reader, writer) = split(stream);
    let mut channel = open(Role::Initiator, "bob", reader, writer, identity, options).await?;
    let mut end = End::new(&channel);
    channel.outbound.send(&chat::encode(QUESTION)).await?;
    channel.outbound.close().await?;
    while let Some(text) = channel.inbound.receive().await? {
        end.heard = heard(text);
    }
    Ok(end)
}

async fn listening(
    stream: DuplexStream,
    identity: &Identity,
    options: &ChannelOptions,
) -> Result<End, ClientError> {
    let (reader, writer) = split(stream);
    let mut channel = open(Role::Responder, "alice", reader, writer, identity, options).await?;
    let mut end = End::new(&channel);
    while let Some(text) = channel.inbound.receive().await? {
        end.heard = heard(text);
    }
    channel.outbound.send(&chat::encode(ANSWER)).await?;
    channel.outbound.close().await?;
    Ok(end)
}

fn heard(text: &[u8]) -> Option<String> {
    match chat::decode(text) {
        Ok(Message::Chat(text)) => Some(text),
        _ => None,
    }
}

fn deadlines(flip: Option<Flip>) -> Deadlines {
    if flip.is_some() { SHORT } else { Deadlines::default() }
}

impl End {
    fn new<R, W>(channel: &Channel<R, W>) -> Self
    where
        R: tokio::io::AsyncRead + Unpin,
        W: tokio::io::AsyncWrite + Unpin,
    {
        Self {
            peer: channel.peer.subject_id().to_string(),
            serial: channel.peer.serial_number(),
            handshake_hash: channel.handshake_hash,
            seals: channel.outbound.key_fingerprint(),
            opens: channel.inbound.key_fingerprint(),
            heard: None,
        }
    }
}

/// Keeps the plaintexts of one end, by the direction and number of their frames.
#[derive(Default)]
struct Watcher(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    frames: [usize; 2],
    plaintexts: Vec<(Direction, usize, Vec<u8>)>,
}

impl Watcher {
    /// Puts what was under encryption beside the frames that it was in.
    fn join(&self, passed: Vec<Passed>) -> Vec<Seen> {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = [0; 2];
        passed
            .into_iter()
            .map(|Passed { forth, frame }| {
                let direction = if forth { Direction::Sent } else { Direction::Received };
                numbers[direction as usize] += 1;
                let number = numbers[direction as usize];
                let found = watched.plaintexts.iter().find(|(d, n, _)| (*d, *n) == (direction, number));
                Seen { forth, frame, plaintext: found.map(|(_, _, text)| text.clone()) }
            })
            .collect()
    }
}

impl Observer for Watcher {
    fn frame(&self, direction: Direction, _: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).frames[direction as usize] += 1;
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = watched.frames[direction as usize];
        watched.plaintexts.push((direction, number, text.to_vec()));
    }
}
